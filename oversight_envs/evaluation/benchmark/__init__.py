"""A model's profile: how it does as debater, judge, prover and verifier in a fixed suite of games."""
