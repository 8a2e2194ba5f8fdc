"""Thinking is private wherever a model puts it, and a mark in the middle of a speech is the speaker's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tasks import Things

from oversight_envs import Episode, Record, SpeakingRules, Speech
from oversight_envs.core.prompt import render_prompt
from oversight_envs.core.requests import Turn
from oversight_envs.core.rewards import finish, logit
from oversight_envs.core.speech import FREE, Statement, make_statement
from oversight_envs.core.thinking import FAMILIES, split_thinking
from oversight_envs.protocols.debate import Debate


def statement(text: str, rules: SpeakingRules = FREE) -> Statement:
    return make_statement(Speech(text, (1, 2), (-0.1, -0.1)), rules, "", role="debater_0", turn=1, index=0)


SPEECHES = [  # what was said, what of it is public, what is private
    ("<think>Don't mention day 3.</think>It was the kitchen.", "It was the kitchen.", "Don't mention day 3."),
    ("\n<Think>\nOne.\n</Think>\n\nIt was.", "It was.", "One."),
    ("<think>never closed", "", "never closed"),
    ("opened by the template</think>\n\nIt was.", "It was.", "opened by the template"),
    ("A plan. </think> It was.", "It was.", "A plan."),
    ("</think>It was.", "It was.", ""),
    ("<think></think>It was.", "It was.", ""),
    ("<think>a</think>\n<think>b</think>\nIt was.", "It was.", "a\n\nb"),
    ("<think>a <think>b</think> c</think>It was.", "It was.", "a <think>b\n\nc"),
    ("<think>a</think>He wrote </think> on it.", "He wrote </think> on it.", "a"),
    ("[THINK]a[/THINK]It was.", "It was.", "a"),
    ("<seed:think>a</seed:think>It was.", "It was.", "a"),
    ("<thinking>a</thinking>It was.", "It was.", "a"),
    ("<reasoning>a</reasoning>\nIt was.", "It was.", "a"),
    ("Here is my thought process:\na\n\nHere is my response: It was.", "It was.", "a"),
    (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>It was.",
        "It was.",
        "a",
    ),
    ("<|channel|>final<|message|>It was.", "It was.", ""),
    ("He wrote <think> on the board.", "He wrote <think> on the board.", ""),
    ("He wrote </think> on the board.", "He wrote </think> on the board.", ""),
    ('He wrote "</think>", then left.', 'He wrote "</think>", then left.', ""),
    ("He wrote <think>x</think> on it.", "He wrote <think>x</think> on it.", ""),
    ("I agree. Here is my response: no.", "I agree. Here is my response: no.", ""),
    (" It was.", " It was.", ""),
]


@pytest.mark.parametrize(("text", "public", "private"), SPEECHES)
def test_what_is_thought_and_what_is_said(text: str, public: str, private: str) -> None:
    made = statement(text)
    assert (made.text, made.notes) == (public, private)
    assert made.kept == public
    assert made.private == private
    assert bool(made.token_ids) == (public == text)


def test_thinking_uses_no_words_and_a_scratchpad_follows_it() -> None:
    made = statement(
        "<think>one two three four</think><scratchpad>five</scratchpad>Six seven.", SpeakingRules(2, scratchpad=True)
    )
    assert (made.text, made.cut, made.notes) == ("Six seven.", False, "one two three four\n\nfive")
    assert made.kept == "<scratchpad>five</scratchpad>Six seven."


def test_a_record_keeps_thinking_and_nobody_else_reads_it() -> None:
    thought = "The other side will say that it was the hall, and I should not mention day 3 at all."
    said = "It was the kitchen, as everyone who has read the story to its end will readily agree. " * 2
    game = Debate(rounds=2, quotes=False)
    episode = Episode(game, Things()[0], 3)
    while isinstance(episode.asks[0], Turn):
        episode.answer(episode.asks[0], f"<think>{thought}</think>{said}{episode.asks[0].index}")
    assert not any(thought in render_prompt(ask.prompt) for ask in episode.asks)
    assert all(entry.prompt and thought not in render_prompt(entry.prompt) for entry in episode.log)
    episode.answer(episode.asks[0], "<think>A? B?</think>A: 0.7, B: 0.3")
    record = finish(episode, Things(), logit)
    assert [statement.thinking for statement in record.transcript] == [thought] * 4
    assert Record.from_json(record.to_json()) == record


tags = st.sampled_from([mark for marks in FAMILIES for mark in marks])


@given(st.lists(tags | st.text(max_size=5), max_size=6).map("".join))
def test_any_text_is_split_into_what_it_was_made_of(text: str) -> None:
    thinking, speech = split_thinking(text)
    assert speech in text
    assert split_thinking(speech) == ("", speech)
    if not any(mark in text.lower() for marks in FAMILIES for mark in marks):
        assert (thinking, speech) == ("", text)
