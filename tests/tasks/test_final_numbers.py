"""Numbers in final answers: read where they are clear, refused where they could mean two things."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.tasks.final_numbers import MAX_CHARS, REFUSED, numbers_equal, parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18), ("-5", -5), ("\u22125", -5), ("$-5", -5), ("-$5", -5), ("+5", 5), ("18.", 18), ("007", 7),
        (".5", Fraction(1, 2)), ("18.00", 18), ("1,200.50", Fraction(2401, 2)), ("1,000,000", 10**6),
        ("3/4", Fraction(3, 4)), ("1 3/4", Fraction(7, 4)), ("-1 1/2", Fraction(-3, 2)), ("1/2 cup", Fraction(1, 2)),
        ("$1,200.50 dollars", Fraction(2401, 2)), ("18 eggs", 18), ("18€", 18), ("50%", 50), ("18-year-old", 18),
        ("$12.50/hour", Fraction(25, 2)), ("10 miles per hour.", 10), ("18 (eggs)", 18), ("(-5)", -5),
        ("= 18", 18), ("x = 5", 5), ("Total cost: $18", 18), ("The answer is 18.", 18), ("She makes $18 per day", 18),
        ("2.5 million", 2_500_000), ("2 million dollars", 2_000_000), ("**18**", 18),
        ("\\boxed{18}", 18), ("$18$", 18), ("$\\boxed{\\frac{3}{4}}$", Fraction(3, 4)), ("18\\%", 18),
        ("18 \\text{ dollars}", 18),
    ],
)  # fmt: skip
def test_a_clear_number_is_read(text: str, value: int | Fraction) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "eggs", ".", "$", "12 or 13", "12 13", "12-13", "12 - 13", "18, 19", "5 apples, 3 pears", "50 cents ($0.50)",
     "1,20", "1,2345", "1234,567", "0,500", "1 200", "1.2.3", "1/2/3", "3/0", "1 7/4", "3:30", "1e5", "2^3", "5²", "½",
     "3½", "5!", "٣", "18?", "18 =", "6*3 = 18", "18-", "5+", "--5", "A-18", "18k", "$18M", "half of 18", "not 18",
     "18 and a half", "about 18", "at least 18", "more than 18", "5 dozen", "two hundred", "no", "9" * (MAX_CHARS + 1)],
)  # fmt: skip
def test_what_could_mean_two_numbers_means_none(text: str) -> None:
    assert parse_number(text) is None


@given(
    st.integers(-(10**30), 10**30),
    st.sampled_from(
        ["{}", "{:,}", " {} ", "{}.0", "${:,}", "{} eggs", "x = {}", "Answer: {:,}.", "{}/1", "\\boxed{{{}}}"]
    ),
)
def test_numbers_come_back_from_text(number: int, form: str) -> None:
    text = form.format(number)
    assert parse_number(text) == number
    assert numbers_equal(str(number), text)
    assert not numbers_equal(str(number + 1), text)


@given(st.fractions(max_denominator=10**6).filter(lambda value: abs(value) < 10**9))
def test_fractions_come_back_from_text(value: Fraction) -> None:
    assert parse_number(str(value)) == value


@given(st.text(max_size=2 * MAX_CHARS) | st.text("0123456789.,/-+$% \\{}()efracx½٣", max_size=MAX_CHARS))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert parse_number(text) is None or any(character in "0123456789" for character in text)


@given(st.integers(0, 99), st.sampled_from(sorted(REFUSED)), st.booleans())
def test_a_hedged_number_is_refused(number: int, word: str, first: bool) -> None:
    if not first and word in ("hundred", "thousand", "million", "billion", "trillion"):
        return  # "5 hundred" is a clear number
    assert parse_number(f"{word} {number}" if first else f"{number} {word}") is None
