"""Quotations that stand in no quote tag are found, and a false one is not shown where only verified quotes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs import Episode, Question
from oversight_envs.core.quotations import may_quote, unmarked_quotations
from oversight_envs.core.quotes import QuoteChecker, render
from oversight_envs.protocols import Debate

CHECKER = QuoteChecker("Dahl, the mate, hid the captain’s log. “No!” cried Klein, who had paid for it.")
TRUE, FALSE = "the mate, hid the captain’s log", "the mate had found the log"
FORMS = [
    "<quote>{}",
    "<quote>{} he says",
    "<q>{}</q>",
    "<Q cite='x'>{}</Q>",
    "<blockquote>\n{}\n</blockquote>",
    "<cite>{}</cite>",
    "<v_quote>{}</v_quote>",
    "＜quote＞{}＜/quote＞",
    "&lt;quote&gt;{}&lt;/quote&gt;",
    "[quote]{}[/quote]",
    "(quote) {} (/quote)",
    "<verified>{}</verified>",
    "<quote>the mate</quote> {}</quote>",
    "“{}”",
    "❝{}❞",
    "\u02ba{}\u02ba",
    "„{}“",
    "«{}»",
    "»{}«",
    "「{}」",
    '"{}"',
    '" {} "',
    "''{}''",
    "``{}''",
    "‘{}’",
    "'{}'",
    "`{}`",
    "> {}",
    "“{}",
    'a 5" pipe, "{}", and 6" more',
    "'dogs’ {}'",
    '"<quote>{}</quote> and so Klein did it"',
]


@pytest.mark.parametrize("form", FORMS)
def test_a_false_quotation_in_any_form_keeps_a_speech_from_the_judge(form: str) -> None:
    speech = f"It is plain: {form}" if not form.startswith(">") else f"It is plain:\n{form}"
    assert render(CHECKER.check(speech.format(FALSE)), "verified") == ""
    assert FALSE in render(CHECKER.check(speech.format(FALSE)), "all")


@pytest.mark.parametrize("form", ["<quote>{}", "<q>{}</q>", "“{}”", '"{}"', "‘{}’", "> {}", "'{}'"])
def test_a_true_quotation_does_not(form: str) -> None:
    assert TRUE in render(CHECKER.check(f"So:\n{form.format(TRUE)}"), "verified")


@pytest.mark.parametrize(
    "speech",
    [
        "It isn't so, and the dogs' owner doesn't say it.",
        'A "so-called" proof, ‘really’.',
        "We have 3 < 5 and 7 > 6, [sic] {x}, (quote me).",
        "<quote>the mate, hid the captain</quote></quote>",
        "“No!” “the mate” he cried “paid for it”",
        "“<quote>the mate, hid the captain</quote>,” it says, “<quote>had paid for it</quote>.”",
        "<quote>“No!” cried Klein</quote> is what it says, isn't it?",
    ],
)
def test_no_quotation_is_seen_in_other_prose(speech: str) -> None:
    assert render(CHECKER.check(speech), "verified") != ""


def test_question_answers_and_others_words_may_be_repeated() -> None:
    question = Question(
        "q", "Who hid the old log?", ("Dahl hid it well", "Klein hid it well"), "The mate hid a log.", 0
    )
    episode = Episode(Debate(rounds=2, show="verified"), question, 0)
    for speech in ("He lied to all of us.", "I say “Dahl hid it well”, and asked “who hid the old log”."):
        episode.answer(episode.asks[0], speech)
    for speech in ("I said “he lied to all of us”.", "You said “he lied to all of us”."):
        episode.answer(episode.asks[0], speech)
    shown = [statement.shown("verified") != "(nothing)" for statement in episode.transcript]
    assert shown == [True, True, False, True]  # one's own words of before are no source
    assert "judge sees what you say only if every quote" in episode.log[0].prompt[1].content


parts = st.lists(
    st.tuples(
        st.lists(
            st.sampled_from([*"\"“”'’<>/[]&\n .a", "word ", "<q>", "</q>", "&lt;", "''", "quote", "\0", "\u200b"])
        ).map("".join),
        st.booleans(),
    ),
    max_size=4,
)


@given(parts)
def test_quotations_stand_in_the_speech(texts: list[tuple[str, bool]]) -> None:
    whole = "".join(text for text, _ in texts)
    found = list(unmarked_quotations(texts))
    assert all(0 <= start <= end <= len(whole) for start, end in found)
    assert not found or may_quote(whole)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["'! ", "'a ", '"a ', "''", "<q>", "[quote]", "&lt;q", "> a\n", "<\0", "“a b", "' '"])
def test_no_speech_takes_quadratic_time(piece: str) -> None:
    CHECKER.check(piece * (100_000 // len(piece)))
