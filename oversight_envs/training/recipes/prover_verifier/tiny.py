"""The prover-verifier recipe in small: the tiny models on chains of sums, a round in two minutes on one core."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from oversight_envs.core.question import Question
from oversight_envs.judges import RewardModelVerifier
from oversight_envs.models import load
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks.arithmetic import RANGES, Arithmetic
from oversight_envs.tasks.corruption import corrupt
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.ppo import PPOConfig
from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig
from oversight_envs.training.recipes.prover_verifier.run import ProverVerifierRun
from oversight_envs.training.score_head import score_head
from oversight_envs.training.verifiers import VerifierConfig

PROVER, VERIFIER = "tiny-arithmetic-prover", "tiny-arithmetic-verifier"
MAX_NEW_TOKENS = 48
"""Three lines of a sum each, and the answer."""

TUNED: Mapping[str, Any] = MappingProxyType(
    {
        "rounds": 5,
        "verifier_problems": 1000,
        "best_of_solutions": 8,
        "reward": "cgc",
        "unreadable": -2.0,
        "attack_steps": 100,
        "concurrency": 256,
        "ppo": PPOConfig(estimator="reinforce", learning_rate=1e-3, kl_coef=0.01, epochs=2),
        "verifier": VerifierConfig(learning_rate=5e-4, lr_multipliers={"score": 10}, regularisation=0.02),
    }
)
"""Fields of ``ProverVerifierConfig`` that suit these models."""


def tiny_prover_verifier(
    folder: str | Path, *, seed: int = 0, prover_model: str = PROVER, verifier_model: str = VERIFIER, **settings: Any
) -> ProverVerifierRun:
    """The run in ``folder``; ``settings`` replace fields of ``ProverVerifierConfig``, such as rounds or reward.

    ``prover_model`` and ``verifier_model`` name the language models that both start from.
    """
    return ProverVerifierRun(
        ProverVerifierConfig(seed=seed, **{**TUNED, **settings}),
        game=ProverVerifier(wording="tiny_prover_verifier"),
        train=Arithmetic("train", style="chain"),
        test=Arithmetic("test", style="chain"),
        policy=lambda: TextPolicy(prover_model, max_new_tokens=MAX_NEW_TOKENS),
        verifier=partial(_untrained, verifier_model),
        folder=folder,
        corrupt=_corrupt,
    )


def _corrupt(problem: Question, rng: np.random.Generator) -> tuple[str, str]:
    right = problem.metadata["solution"]
    return right, corrupt(right, rng, largest=RANGES["chain"].largest).solution


def _untrained(model: str, seed: int) -> RewardModelVerifier:
    verifier = score_head(load(model), seed=seed)
    verifier.batch_size = 256  # so small that a batch of few costs as much
    return verifier
