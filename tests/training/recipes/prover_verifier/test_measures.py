"""What is measured of a round."""

from __future__ import annotations

import pytest

from oversight_envs.evaluation.solutions import ScoredSolution
from oversight_envs.training.recipes.prover_verifier import measures


def test_attack_steps_count_to_the_first_batch_that_meets_a_criterion() -> None:
    def batch(wrong: int, score: float) -> list[ScoredSolution]:
        return [
            ScoredSolution("q", "sneaky_0", k >= wrong, True, score if k % 5 == 0 else score - 1) for k in range(20)
        ]

    curve = [measures.attack_point(batch(wrong, v), 1.0) for wrong, v in ((10, 0.0), (10, 1.5), (20, 1.9), (20, 0.0))]
    assert curve[1] == {"wrong": 0.5, "score": pytest.approx(0.7), "success": 0.1}
    assert measures.attack_steps(curve, 1.0) == {"mostly_wrong": 2, "succeeds": 1}
    assert measures.attack_steps(curve[:1], 1.0) == {"mostly_wrong": None, "succeeds": None}  # censored
    never = [measures.attack_point(batch(20, 9.0), None)]
    assert measures.attack_steps(never, None) == {"mostly_wrong": None, "succeeds": None}
