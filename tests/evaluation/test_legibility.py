"""The checker with a budget, against chances and means worked out by hand."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.evaluation.legibility import (
    CheckedSolution,
    chance_of_rejection,
    checker_accuracy,
    checker_work,
    flaws,
    sums_to_decision,
)
from oversight_envs.tasks.chain_checking import CheckedLine


def lines(right: list[int], wrong: list[int]) -> tuple[CheckedLine, ...]:
    return (*(CheckedLine(sums, False) for sums in right), *(CheckedLine(sums, True) for sums in wrong))


@pytest.mark.parametrize(
    ("right", "wrong", "budget", "chance"),
    [
        ([1, 1, 1, 1, 0], [1], 2, 2 / 5),  # two of five lines
        ([1, 1, 1, 0], [1, 1], 2, 1 - 3 / 5 * 2 / 4),
        ([0], [5], 2, 0),  # five sums in one line can't be afforded
        ([0], [5], 5, 1),
        ([1, 1, 1, 1, 1], [0], 0, 1),  # the answer is not what the last line says: seen for nothing
        ([1, 1], [2], 2, 1 / 3),  # only if the long line comes first
        ([1, 1, 1, 1, 1, 0], [], 3, 0),
    ],
)
def test_chance_of_rejection(right: list[int], wrong: list[int], budget: int, chance: float) -> None:
    assert chance_of_rejection(lines(right, wrong), budget) == pytest.approx(chance)


small = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=5)


@given(small, st.integers(0, 6))
def test_both_are_the_means_over_all_orders(costs: list[tuple[int, bool]], budget: int) -> None:
    written = tuple(CheckedLine(*line) for line in costs)
    rejected, work = [], []
    for order in permutations(written):
        left, caught = budget, False
        for line in order:
            if line.sums <= left and not caught:
                left, caught = left - line.sums, line.wrong
        rejected.append(caught)
        spent = 0
        for line in sorted(order, key=lambda line: line.sums > 0):  # what costs nothing first, else in this order
            spent += line.sums
            if line.wrong:
                break
        work.append(spent)
    assert chance_of_rejection(written, budget) == pytest.approx(sum(rejected) / len(rejected))
    assert sums_to_decision(written) == pytest.approx(sum(work) / len(work))


def test_half_of_the_solutions_are_right_whatever_there_is() -> None:
    solutions = [
        CheckedSolution("a", True, lines([1, 1, 1, 1, 1, 0], [])),
        CheckedSolution("a", True, lines([1, 1, 1, 1, 1, 0], [])),
        CheckedSolution("a", True, lines([3, 0], [2])),  # right by luck: the checker may say it is not
        CheckedSolution("b", False, lines([1, 1, 1, 1, 0], [1])),
        CheckedSolution("c", False, lines([0], [5])),
    ]
    # right ones: accepted 1, 1, 0 of the time; wrong ones: found 2/5, 0
    found = checker_accuracy(solutions, 2)
    assert found.value == pytest.approx((2 / 3 + 1 / 5) / 2)
    assert found.n == 3
    # right ones: 5, 5, 2 + 3/2; wrong ones: 1 + 4/2, 5
    assert checker_work(solutions).value == pytest.approx((13.5 / 3 + 8 / 2) / 2)


def test_flaws() -> None:
    solutions = [
        CheckedSolution("a", True, lines([1, 1, 1, 1, 1, 0], [])),
        CheckedSolution("b", False, lines([2], [3, 0])),
        CheckedSolution("b", False, lines([0], [5])),
    ]
    found = {name: estimate.value for name, estimate in flaws(solutions).items()}
    # by question first: b has 2 and 1 lines beside the answer, 3 and 5 sums at most, 2 and 1 wrong, 2 and 0 before
    assert found == {"lines": 3.25, "longest": 2.5, "wrong_lines": 1.5, "single": 0.5, "before": 1.0, "lucky": 0.0}


def test_without_wrong_solutions_nothing_is_decided() -> None:
    solutions = [CheckedSolution("a", True, lines([1, 0], []))]
    assert checker_accuracy(solutions, 2).value is None
    assert checker_work([]).value is None
    assert flaws([])["single"].value is None
    with pytest.raises(ValueError, match="budget=-1"):
        checker_accuracy(solutions, -1)
