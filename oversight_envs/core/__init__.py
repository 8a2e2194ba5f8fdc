"""The games' core: questions, requests, episodes as logs, records and rewards. No torch, no I/O, no progress bar."""
