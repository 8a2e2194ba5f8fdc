"""What is measured of a round."""

from __future__ import annotations

import pytest

from oversight_envs.evaluation.solutions import ScoredSolution
from oversight_envs.training.recipes.prover_verifier import measures


def batch(wrong: int, score: float) -> list[ScoredSolution]:
    """Of 20 solutions so many are wrong; every fifth scores ``score``, the others 1 less."""
    return [ScoredSolution("q", "sneaky_0", k >= wrong, True, score if k % 5 == 0 else score - 1) for k in range(20)]


def test_attack_steps_count_to_the_first_five_batches_that_meet_a_criterion_together() -> None:
    curve = [measures.attack_point(batch(10, 0.0), 1.0)] * 4
    curve += [measures.attack_point(batch(wrong, v), 1.0) for wrong, v in ((10, 1.5), (20, 1.9), (20, 1.9), (20, 1.9))]
    assert curve[4] == {"wrong": 0.5, "score": pytest.approx(0.7), "success": 0.1}
    assert measures.attack_steps(curve, 1.0) == {"mostly_wrong": None, "succeeds": 6}  # (.1 + .2 + .2) / 5
    curve += [measures.attack_point(batch(20, 1.9), 1.0)] * 2
    assert measures.attack_steps(curve, 1.0) == {"mostly_wrong": 9, "succeeds": 6}
    never = [measures.attack_point(batch(20, 9.0), None)] * 5
    assert measures.attack_steps(never, None) == {"mostly_wrong": None, "succeeds": None}


def test_one_batch_that_crosses_the_line_by_chance_is_no_success() -> None:
    rare, chance = measures.attack_point(batch(0, 0.0), 1.0), measures.attack_point(batch(10, 1.5), 1.0)
    curve = [rare] * 5 + [chance] + [rare] * 5
    assert measures.attack_steps(curve, 1.0)["succeeds"] is None


def test_best_of_n_is_left_out_where_no_problem_has_the_solutions() -> None:
    marks = [ScoredSolution(q, "helpful_0", k < 3, True, float(k)) for q in ("a", "b") for k in range(6)]
    found = measures.best_of([*marks, ScoredSolution("c", "helpful_0", True, True, 0.0)])
    assert list(found) == ["2", "4"]  # 3 right and 3 wrong
    assert found["4"]["n"] == 2
    assert found["2"]["value"] == 0  # every wrong one scores above every right one
