"""Consultancy: whom the consultant argues for, and a judge who asks."""

from __future__ import annotations

from typing import Any

import pytest

from oversight_envs import Episode, Task, consultancy_v0
from oversight_envs.env import OversightEnv
from oversight_envs.judges import CallableJudge
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
