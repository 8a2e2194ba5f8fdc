"""Nested sums: what a claim about a part is checked against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs import Question
from oversight_envs.tasks.nested_sums import NestedSums, nested, total

QUESTION = Question("q", "What is the sum?\n[[3, 5], [2, 9]]", truth="19")


@pytest.mark.parametrize(
    ("claim", "right"),
    [
        ("19", True), ("18", False), ("[3, 5] = 8", True), ("[3, 5] = 9", False), ("[2, 9]=11", True),
        ("[[3, 5], [2, 9]] = 19", True), ("[4, 4] = 8", False), ("[3, 5", False), ("8", False), (None, False),
        ("", False), ("[] = 0", False), ("19 or so", False), ("3, 5], [2 = 10", False), ("٣", False),
    ],
)  # fmt: skip
def test_a_claim_is_checked_exactly(claim: str | None, right: bool) -> None:
    assert NestedSums().check(QUESTION, claim) is right


@given(st.text(alphabet="[]0123456789, =-"))
def test_checking_a_claim_never_raises(claim: str) -> None:
    assert NestedSums().check(QUESTION, claim) in (True, False)


@pytest.mark.parametrize(("depth", "width"), [(1, 2), (3, 2), (2, 4)])
def test_a_sum_is_as_deep_and_wide_as_was_asked(depth: int, width: int) -> None:
    question = NestedSums(depth=depth, width=width)[7]
    part = nested(question.text)
    assert question.truth == str(total(part))
    for _ in range(depth):
        assert isinstance(part, list)
        assert len(part) == width
        part = part[-1]
    assert isinstance(part, int)


def test_options_are_checked() -> None:
    for options, says in (({"width": 1}, "width=1"), ({"depth": 13}, "8192 numbers"), ({"split": "dev"}, "split=")):
        with pytest.raises(ValueError, match=says):
            NestedSums(**options)
