"""Errors planted in right solutions."""

from __future__ import annotations

import numpy as np
import pytest

from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.corruption import WEIGHTS, corrupt


def test_all_kinds_of_error_are_planted() -> None:
    rng = np.random.default_rng(1)
    solutions = [question.metadata["solution"] for question in Arithmetic(style="chain").sample(2000)]
    kinds = [corrupt(solution, rng, largest=49).kind for solution in solutions]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in WEIGHTS}
    assert all(0.3 * weight < shares[kind] < 2 * weight for kind, weight in WEIGHTS.items()), shares
    for text in (
        "",
        "Answer: 3",
        "1 + 1 = 3 ;\nAnswer: 3",
        "1 + 1 = 2 ;\nAnswer: 3",
        "1 + 1 = 2 ;\n3 + 1 = 4 ;\nAnswer: 4",
    ):
        with pytest.raises(ValueError, match=r"not a right solution|already wrong|going on"):
            corrupt(text, rng)
