"""Records and runs as pages, pictures and sentences."""
