"""The prover-verifier game in rounds."""
