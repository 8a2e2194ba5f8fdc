"""Speeches are held to their rules once: words are cut, private notes go, quotes are checked."""

from __future__ import annotations

import pytest

from oversight_envs import SpeakingRules, Speech
from oversight_envs.core.speech import FREE, Statement, make_statement, split_scratchpad


def test_scratchpad() -> None:
    assert split_scratchpad("<scratchpad>hm</scratchpad>So.") == ("<scratchpad>hm</scratchpad>", "So.")
    assert split_scratchpad("So.") == ("", "So.")
    assert split_scratchpad("a<SCRATCHPAD>never closed") == ("a<SCRATCHPAD>never closed", "")
    assert split_scratchpad("x</Scratchpad>y") == ("x</Scratchpad>", "y")


def statement(text: str, rules: SpeakingRules = FREE) -> Statement:
    speech = Speech(text, (1, 2, 3), (-0.1, -0.1, -0.1))
    return make_statement(speech, rules, "It was here, they say.", role="debater_0", turn=1, index=0)


def test_a_statement_is_the_speech_under_its_rules() -> None:
    said = "<scratchpad>a plan</scratchpad>So <quote>it WAS here</quote> then."
    free = statement(said)
    assert (free.text, free.notes, free.quotes, free.cut) == (said, "", (), False)
    held = statement(said, SpeakingRules(5, quotes=True, scratchpad=True))
    assert (held.text, held.notes, held.cut) == ("So it WAS here then.", "a plan", False)
    assert [quote.verified for quote in held.quotes] == [True]
    assert held.shown() == "> So <v_quote>It was here</v_quote> then."
    assert held.kept == said
    assert held.token_ids == (1, 2, 3)
    cut = statement(said, SpeakingRules(2, quotes=True, scratchpad=True))
    assert (cut.cut, cut.spoken, cut.token_ids) == (True, "So <quote>it", ())
    assert statement("<scratchpad>never closed", SpeakingRules(scratchpad=True)).shown() == "(nothing)"


def test_no_limit_of_no_words() -> None:
    with pytest.raises(ValueError, match="max_words=0"):
        SpeakingRules(0)
