"""The solutions that a run writes, and whose problems they solve."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from small_prover_verifier import small


def test_verifiers_and_provers_learn_from_different_problems(tmp_path: Path) -> None:
    run = small(tmp_path).solutions
    texts = [question.text for question in (*run.verifier_problems, *run.prover_problems)]
    assert len(set(texts)) == len(texts) == 36
    assert not set(texts) & {question.text for question in run.held_out}


def test_fixed_replaces_a_part_of_each_problem_s_solutions(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    run = small(whole[0]).solutions
    base, later = run.pools("all", 1)
    (fixed,) = run.pools("fixed", 1)
    assert len(fixed) == len(base)
    by_problem = Counter(solution.problem_id for solution in fixed)
    assert set(by_problem.values()) == {4}  # two samples of two roles, as in one round
    assert set(by_problem) == {solution.problem_id for solution in base}
    only_base, only_later = set(base) - set(later), set(later) - set(base)
    assert only_base & set(fixed)
    assert only_later & set(fixed)


def test_checkers_learn_from_a_right_and_a_corrupted_solution_to_each_problem(tmp_path: Path) -> None:
    run = small(tmp_path).solutions
    assert len(run.corrupted) == 2 * len(run.verifier_problems)
    for problem, right, wrong in zip(run.verifier_problems, run.corrupted[::2], run.corrupted[1::2], strict=True):
        assert right.correct
        assert not wrong.correct
        assert right.text.endswith(f"Answer: {problem.truth}")
        assert not wrong.text.endswith(f"Answer: {problem.truth}")
