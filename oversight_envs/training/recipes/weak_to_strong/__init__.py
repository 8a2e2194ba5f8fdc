"""Weak-to-strong generalisation: a weak judge's labels train a strong model."""
