"""Decisions and marks in words: read strictly, or rejected."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.answers import DecisionError, parse_decision, parse_score


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("A", 0.99), ("b", 0.01), ("(A)", 0.99), ("**B**", 0.01), ("The answer is B.", 0.01), ("Final answer: A", 0.99),
        ("0.7", 0.7), ("70%", 0.7), (".25", 0.25), ("1", 0.99), ("0.001", 0.01), ("A: 0.6, B: 0.4", 0.6),
        ("B 30%", 0.7), ("Debater A", 0.99), ("Ａ", 0.99),
        ("（Ｂ）。", 0.01), ("Ａｎｓｗｅｒ：Ｂ", 0.01), ("０．７", 0.7), ("𝐁", 0.01),
        ("Ａ：７０％，Ｂ：３０％", 0.7), ("“B”", 0.01), ("\u00a0A\u2003", 0.99),
    ],
)  # fmt: skip
def test_clear_decisions(text: str, first: float) -> None:
    assert parse_decision(text, ("A", "B")).probabilities[0] == pytest.approx(first)


@pytest.mark.parametrize(
    "text",
    ["", "A or B", "A B", "C", "Not A", "A is wrong, so B", "70", "1.5", "-0.2", "A: 0.6, B: 0.6", "A: 0.6, A: 0.4",
     "Answer", "nan", "inf", "x" * 10_000, "0.7 or so", "٣"],
)  # fmt: skip
def test_unclear_decisions_are_rejected(text: str) -> None:
    with pytest.raises(DecisionError):
        parse_decision(text, ("A", "B"))


def test_more_options_and_marks() -> None:
    assert parse_decision("C", ("A", "B", "C")).choice == 2
    assert parse_decision("A: .2, B: .5, C: .3", ("A", "B", "C")).probabilities == pytest.approx((0.2, 0.5, 0.3))
    for unclear in ("0.5", "A: .5, B: .5"):
        with pytest.raises(DecisionError):
            parse_decision(unclear, ("A", "B", "C"))
    assert [parse_score("Yes."), -parse_score("incorrect")] == pytest.approx([math.log(99)] * 2)
    assert parse_score("Ｙ\u200bｅｓ\ufe0f") == parse_score("Yes")
    assert parse_score("75%") == pytest.approx(math.log(3))
    with pytest.raises(DecisionError):
        parse_score("Yes and no")


INVISIBLE = (
    "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u202a\u202e\u2066\u2069"
    "\u034f\u180e\u2800\u3164\ufe0e\ufe0f\U000e0041\U000e0100"
)


@given(
    st.sampled_from(
        [("A", 0.99), ("The answer is B.", 0.01), ("70%", 0.7), ("A: 0.6, B: 0.4", 0.6), ("Debater B", 0.01)]
    ),
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(INVISIBLE)), max_size=8),
)
def test_what_no_reader_sees_changes_no_decision(case: tuple[str, float], put: list[tuple[int, str]]) -> None:
    text, first = case
    for place, char in put:
        text = text[:place] + char + text[place:]
    assert parse_decision(text, ("A", "B")).probabilities[0] == pytest.approx(first)


@given(st.text(max_size=40))
def test_parsers_reject_or_give_probabilities(text: str) -> None:
    for parse in (lambda t: parse_decision(t, ("A", "B")), lambda t: parse_decision(t, ("A", "B", "C", "D"))):
        try:
            verdict = parse(text)
        except DecisionError:
            continue
        assert sum(verdict.probabilities) == pytest.approx(1)
        assert all(math.isfinite(p) for p in verdict.log_probs)
