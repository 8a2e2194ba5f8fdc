"""Self-play debate."""
