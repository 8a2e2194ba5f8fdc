"""Consultancy: whom the consultant argues for, and a judge who asks."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oversight_envs import Episode, Task, consultancy_v0, render_prompt
from oversight_envs.env import OversightEnv
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.protocols import Consultancy


def test_consultants_are_honest_half_of_the_time(things: Task) -> None:
    question = things[0]
    first = 0
    for seed in range(400):
        episode = Episode(Consultancy(), question, seed)
        brief = episode.asks[0].prompt[1].content.split("right answer is:")[1]
        side = episode.assigned.sides["consultant_0"]
        assert [option in brief for option in question.options] == [side == 0, side == 1]
        first += side == 0
    assert 160 < first < 240


def test_consultancy_judge_asks_between_rounds(things: Any) -> None:
    with pytest.raises(TypeError, match=r"needs decide\(\) and speak\(\)"):
        consultancy_v0.env(
            task=things, rounds=2, judge_asks=True, players={"judge_0": CallableJudge(log_odds=lambda case: 0.0)}
        )
    env = consultancy_v0.env(task=things, rounds=2, judge_asks=True)
    env.reset(seed=2)
    assert isinstance(env.unwrapped, OversightEnv)
    order = []
    for said in ("It is so.", "Why?", "Because.", "A"):
        order.append(env.agent_selection)
        env.step(said)
    assert order == ["consultant_0", "judge_0", "consultant_0", "judge_0"]
    prompts = [entry.prompt for entry in env.unwrapped.record.entries]
    assert "> Why?" in prompts[2][-1].content
    assert prompts[3][: len(prompts[1])] == prompts[1]  # the judge's second prompt extends its first


def test_double_consultants_speak_for_an_answer_each_unheard_by_the_other(things: Task) -> None:
    for seed in range(4):
        episode = Episode(Consultancy(double=True, rounds=2, judge_asks=True), things[0], seed)
        for text in ("First.", "Second.", "Why?", "Third.", "Fourth."):
            for other in ({"consultant_0": "Second", "consultant_1": "First"}.get(episode.asks[0].role, "-"),):
                assert other not in render_prompt(episode.asks[0].prompt)
            episode.answer(episode.asks[0], text)
        assert sorted(episode.assigned.sides.values()) == [0, 1]
        page = render_prompt(episode.asks[0].prompt)
        assert all(f"> {text}" in page for text in ("First.", "Second.", "Third.", "Fourth."))
        assert "Two consultants" in page
        for entry in episode.log[3:]:
            assert "> Why?" in entry.prompt[-1].content


def test_double_consultancy_is_zero_sum_and_pays_the_judges_log_odds(things: Task, oracle: OracleJudge) -> None:
    env = consultancy_v0.raw_env(task=things, players={"judge_0": oracle}, double=True)
    env.reset(seed=1)
    for text in ("It is so.", "It is not."):
        env.step(text)
    assert sorted(env.rewards.values()) == pytest.approx([-math.log(9), math.log(9)])


def test_an_open_consultant_is_paid_for_the_answer_that_it_chose(things: Task, oracle: OracleJudge) -> None:
    env = consultancy_v0.raw_env(task=things, players={"judge_0": oracle}, positions="open")
    for choice in (0, 1):
        env.reset(seed=1, options={"question": 2})
        env.step(things[2].options[choice])
        assert f"right answer is: {things[2].options[choice]}" in env.asked().prompt[-1].content
        env.step("It is so.")
        assert "which the consultant chose" in " ".join(render_prompt(env.record.entries[-1].prompt).split())
        assert env.rewards["consultant_0"] == pytest.approx(math.log(9) * (1 if choice == things[2].truth else -1))
    with pytest.raises(ValueError, match="each answer has its consultant already"):
        consultancy_v0.env(task=things, positions="open", double=True)
