"""A discriminator that sees words and pairs of words only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oversight_envs.evaluation.surface import WrittenSolution, discriminate

Write = Callable[[str, bool, np.random.Generator], str]


def solutions(write: Write, questions: int = 120) -> list[WrittenSolution]:
    rng = np.random.default_rng(0)
    found = []
    for question in range(questions):
        for role in ("helpful_0", "sneaky_0"):
            right = bool(rng.random() < (0.8 if role == "helpful_0" else 0.2))
            found.append(WrittenSolution(str(question), role, write(role, right, rng), right))
    return found


def sum_of(right: bool, rng: np.random.Generator) -> str:
    a, b = rng.integers(1, 30, size=2)
    return f"{a} + {b} = {a + b + (0 if right else rng.choice([-2, -1, 1, 2]))} ;"


def test_it_does_not_check_sums() -> None:
    found = discriminate(solutions(lambda role, right, rng: sum_of(right, rng)), "sneaky_0")
    # the roles differ in accuracy by 60 points, which a reader of sums would see
    assert found.all.low is not None
    assert found.all.low < 0.5 < found.all.high  # type: ignore[operator]


def test_it_sees_words_and_pairs_of_words_and_numbers_unless_they_are_hidden() -> None:
    def polite(role: str, right: bool, rng: np.random.Generator) -> str:
        return f"{sum_of(right, rng)} {'so it is' if role == 'helpful_0' else 'it is so'}"

    def large(role: str, right: bool, rng: np.random.Generator) -> str:
        return f"Answer: {rng.integers(10, 12) if role == 'helpful_0' else rng.integers(12, 14)}"

    by_pairs = discriminate(solutions(polite), "sneaky_0")
    assert [e.value for e in by_pairs] == [1, 1, 1]
    assert discriminate(solutions(large), "sneaky_0").all.value == 1
    assert discriminate(solutions(large), "sneaky_0", hide_digits=True).all.value == 0.5


def test_one_kind_few_questions_and_no_words_are_undefined() -> None:
    some = solutions(lambda role, right, rng: sum_of(right, rng), questions=10)
    for given in (
        [],
        some[:6],
        [s for s in some if s.role == "sneaky_0"],
        [s._replace(text=" ") for s in some],
    ):
        assert [e.value for e in discriminate(given, "sneaky_0")] == [None] * 3
    only_right = discriminate([s._replace(right=True) for s in some], "sneaky_0")
    assert only_right.wrong.value is None
    assert only_right.right == only_right.all
