"""The prover-verifier recipe's run in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oversight_envs.training.recipes.prover_verifier.run import ProverVerifierRun
from oversight_envs.training.recipes.prover_verifier.tiny import tiny_prover_verifier

SMALL: dict[str, Any] = {
    "rounds": 2,
    "verifier_problems": 24,
    "prover_problems": 12,
    "held_out": 10,
    "held_out_solutions": 2,
    "verifier_steps": 4,
    "verifier_pairs": 8,
    "prover_steps": 3,
    "batch": 4,
    "samples": 2,
    "attack_steps": 3,
    "best_of_solutions": 4,
    "discriminator_every": 2,
    "checkers": 2,
    "checker_steps": 2,
    "checkpoint_every": 2,
    "compare": ("base", "fixed"),
}


def small(folder: Path, **changes: Any) -> ProverVerifierRun:
    return tiny_prover_verifier(folder, **SMALL | changes)
