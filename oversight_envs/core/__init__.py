"""The games' core: questions, requests, episodes as logs, records and rewards; no torch, no I/O."""
