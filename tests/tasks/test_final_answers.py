"""Final answers: found where models write them, read where they are clear, refused where they could mean two things."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from task_files import real

from oversight_envs.tasks import final_answer
from oversight_envs.tasks.final_answers import MAX_CHARS, REFUSED, named_option, numbers_equal, parse_number


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
        ("18 \\text{ dollars}", 18), ("18 m²", 18), ("18 cm^2", 18), ("18\\,\\text{cm}^{2}", 18), ("18 ft³", 18),
        ("18 m3", 18),
        ("18 square feet", 18), ("18 cubic metres", 18), ("18 m/s^2", 18), ("18 \\mathrm{~km/h}", 18),
        ("$18 a day", 18),
        ("18 miles / hour", 18), ("18 \\text{ dollars per day}", 18), ("18^\\circ", 18), ("18 °C", 18),
        ("1{,}800", 1800), ("1\u202f800", 1800), ("1\u2009800 m²", 1800), ("1\u00a0800 €", 1800), ("1\\,800", 1800),
        ("１８", 18), ("１，８００．５０", Fraction(3601, 2)), ("𝟏𝟖", 18), ("1\u200b8", 18), ("−１８", -18),
        ("₹18", 18), ("18 元。", 18), ("18円", 18),
        ("\\[ 18 \\]", 18), ("$$18$$", 18), ("\\boxed{18\\text{ m}^{2}}", 18), ("\\$18", 18), ("1{,}800\\%", 1800),
    ],
)  # fmt: skip
def test_a_clear_number_is_read(text: str, value: int | Fraction) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "eggs", ".", "$", "12 or 13", "12 13", "12-13", "12 - 13", "18, 19", "5 apples, 3 pears", "50 cents ($0.50)",
     "1,20", "1,2345", "1234,567", "0,500", "1 200", "1.2.3", "1/2/3", "3/0", "1 7/4", "3:30", "1e5", "2^3", "5²", "½",
     "3½", "5!", "٣", "18?", "18 =", "6*3 = 18", "18-", "5+", "--5", "A-18", "18k", "$18M", "half of 18", "not 18",
     "18 and a half", "about 18", "at least 18", "more than 18", "5 dozen", "two hundred", "no", "9" * (MAX_CHARS + 1),
     "18x", "18 x", "18 / n", "18 M", "18 i",
     "5² m", "18 x^2", "18万", "18 百", "2^{3}", "12\\,13", "1{,}80", "1\u202f80", "1234\u202f567",

     "~18", "~~18~~", "1̶8̶", "18. That is wrong", "\\approx 18", "9\\boxed{18}", "18 m^2 5",
     "18 ft 2 in", "18 in 2 days",
     "\\boxed{18} or \\boxed{19}", "18 \\pm 1", "\\sqrt{18}"],
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


def test_answers_as_real_models_write_them() -> None:
    for line in real("../cases/final_answers.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        assert final_answer(case["text"]) == case["answer"], case


@pytest.mark.parametrize(
    "text",
    ["Answer: 18", "A: 18", "**Answer**: 18", "* **Final answer:** $18$.", "• Answer: 18 eggs", "> > Answer: 18",
     "3. Answer: 18", "## The final answer: \\(18\\)", "Ans: 18", "Answer (in eggs): 18", "Ａｎｓｗｅｒ： １８",
     "Ans\u200bwer: 1\u00ad8", "Final Answer — 18", "Answer = 18", "Answer:\r\n\r\n18",
     "Answer:\n\n$$\n18\n$$\nDone.",
     "Answer: \\[\n18\n\\]", "Answer:\n```\n18\n```", "**Answer**\n\n- 18 eggs\n\nHope this helps!",
     "Answer:\n> 18", "Final Answer\n====\n18",
     "Answer:\nShe has 18 eggs left.", "The answer is:\n18", "The answer is\n\\begin{align*}\n18\n\\end{align*}",
     "So, the correct answer is **18**.", "9*2 = 18. Therefore, the final answer is $18$.", "My answer is 18",
     "Final Answer: The final answer is $18$. I hope it is correct.", "The answer to the question is thus 18.",
     "9*2 = \\boxed{18}", "Altogether $9 \\times 2 = \\boxed{18 \\text{ eggs}}$. Done.", "\\[\\boxed{\\frac{36}{2}}\\]",
     "Not 20. So \\boxed{18}.", "#### 18", "So 18. #### $18", "#### 18 eggs\n\n#### Check",
     "#### Answer: 18", "9*2\n#### 18 eggs",
     "Answer: 18\n\n#### 1. Check\n9*2", "Answer: 18\n#### Step 3\nok", "Answer: 18\n#### Check",
     "\\boxed{18}\n#### Check",
     "Answer: 18\n\nThe answer is plain.", "#### 20\nAnswer: 18",
     "The answer is 20.\n#### 18", "Answer: 18\n\nAnswer:"],
)  # fmt: skip
def test_an_answer_is_found_wherever_it_is_marked(text: str) -> None:
    assert final_answer(f"First, 9 of the 27 go.\n{text}\n") == "18"


@pytest.mark.parametrize(
    "text",
    ["", "18", "So she has 18.", "I think that the answer is near", "Answer:", "#### 1. Check\n9*2", "### 18",
     "Answer:\nShe has 18 eggs.\nThen 9 go.", "Answer:\n18 eggs are left.\nThen 9 go.", "If the answer is 18 then",
     "A 18", "Answers vary: 18", "#### Step 18\nok"],
)  # fmt: skip
def test_what_is_not_marked_as_an_answer_is_none(text: str) -> None:
    assert final_answer(text) is None


@pytest.mark.parametrize(
    "text",
    ["Answer: 18\nFinal answer: unknown", "Answer: 18 or 20", "Answer: 18\nAnswer: 18 or 20", "Answer: not \\boxed{18}",
     "\\boxed{18} or 20", "\\boxed{18} or \\boxed{20}", "-$\\boxed{18}", "9 - 27 = -\\boxed{18}", "\\boxed{18}/2 = 9",
     "It is not \\boxed{18}.", "\\boxed{18}. That is wrong.", "Answer: 18\nFinal answer:\n18 or 20", "Answer: 18x",
     "The answer is not 18.", "The answer is 18? No.", "\\boxed{18} \\times 2 eggs"],
)  # fmt: skip
def test_an_answer_taken_back_or_given_twice_is_not_marked_right(text: str) -> None:
    assert not numbers_equal("18", final_answer(text))


def test_other_answers_come_back_in_their_words() -> None:
    assert final_answer("Final answer: **New York**") == "New York"
    assert final_answer("### Answer\n\nNew York") == "New York"
    assert final_answer("So it is $\\boxed{\\text{New York}}$.") == "New York"
    assert final_answer("Answer: “New York”") == "New York"
    assert final_answer("Answer: 12 or 13") == "12 or 13"
    assert [final_answer(f"Answer: {n}") for n in ("$1,800.50", "07", ".50", "6/8", "2.5 million", "-0.0")] == [
        "1800.5", "7", "0.5", "3/4", "2500000", "0",
    ]  # fmt: skip


LABELS = ["Answer: {}", "**Answer:** {}", "### Answer: {}", "> - Final answer: {}", "Answer：{}", "Answer:\n{}",
          "### Final Answer\n\n{}", "The correct answer is {}.", "\\boxed{{{}}}", "#### {}", "\\[\n\\boxed{{{}}}\n\\]",
          "**Answer**\n$$\n{}\n$$"]  # fmt: skip
DRESS = ["{}", "${}$", "{:,}", "\\text{{{}}}", "{}\\%", "{} \\text{{ cm}}^2"]


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(DRESS)), min_size=4, max_size=4),
    st.sampled_from(["", "\n\n#### Check\n9 x 2 = 18", "\n\nThat is all, 5 steps."]),
)
def test_the_last_marked_answer_counts_and_no_other_number(
    numbers: list[int], forms: list[tuple[str, str]], coda: str
) -> None:
    steps = [label.format(dress.format(n)) for n, (label, dress) in zip(numbers, forms, strict=False)]
    answer = final_answer("2 + 2 = 4, and 7 more.\n" + "\n\nNo, I counted 3 twice.\n".join(steps) + coda)
    assert answer == str(numbers[-1])
    assert not numbers_equal(str(numbers[-1] + 1), answer)


@given(st.text(max_size=300) | st.text("18 \n:#*>-\\{}$boxedAnswer.is", max_size=300))
def test_a_number_taken_from_any_text_has_digits_there(text: str) -> None:
    answer = final_answer(text)
    assert answer is None or (answer and (parse_number(answer) is None or any(map(str.isdigit, text))))


def test_reading_takes_time_in_proportion_to_the_text() -> None:
    pieces = ["Answer:\n", "#### 1. x\n", "* ", "\\boxed{", "\\boxed{1", "The answer is ", ".   ", "$$\n", "a  /  ",
              "Answer (", "so so the final ", "\\text{", "1,000"]  # fmt: skip
    for piece in pieces:
        final_answer(piece * 10_000)  # minutes if it were quadratic


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("in the barn", 0),
        (" - In the  Barn. ", 0),
        ("I looked.\nAnswer: **in the garden**", 1),
        ("The answer I am arguing for is: In the garden.", 1),
        ("in the barn or in the garden", None),
        ("Not in the barn", None),
        ("It wasn't in the garden, I guess", None),
        ("in the barnyard", None),
        ("in the barn" + 200 * " it was", None),
        ("A", None),
        ("", None),
        ("barn", None),
    ],
)
def test_an_option_is_named_by_its_words_and_no_others(text: str, number: int | None) -> None:
    assert named_option(text, ("in the barn", "in the garden")) == number


@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True), st.text())
def test_naming_an_option_never_raises_and_never_picks_between_two(options: list[str], text: str) -> None:
    found = named_option(text, options)
    assert found is None or 0 <= found < len(options)
    if found is not None:
        assert named_option(text, [*options, " " + options[found]]) is None
