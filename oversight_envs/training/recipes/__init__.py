"""Whole experiments: the two published games, trained and measured."""
