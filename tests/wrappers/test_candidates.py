"""A choice among proposals: when they are drawn, which may be chosen, what is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from bridge_games import Counting, game

from oversight_envs import debate_v0, direct_v0
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.question import Task
from oversight_envs.testing import Puppet
from oversight_envs.wrappers import CandidatesEnv, HashingEncoder


def test_proposals_are_drawn_once_a_turn_and_the_choice_is_spoken(things: Task) -> None:
    proposer = Counting()
    env = CandidatesEnv(game(debate_v0, "debater_0", things, rounds=2), proposer, n=5)
    for calls in (1, 2):
        observation, info = env.reset(seed=3) if calls == 1 else env.step(4)[::4]
        assert proposer.calls["speak"] == calls  # type: ignore[attr-defined]
        assert env.observation_space.contains(observation)
        assert len(set(info["candidates"])) == 5
        spoken = info["candidates"]
    env.step(2)
    said = [entry.reply.text for entry in env.game.record.entries if entry.role == "debater_0"]
    assert said[1] == spoken[2]
    assert (
        env.reset(seed=3)[1]
        == CandidatesEnv(game(debate_v0, "debater_0", things, rounds=2), Puppet(), n=5).reset(seed=3)[1]
    )  # another environment, the same draws


def test_the_mask_leaves_the_first_of_equal_candidates_and_no_empty_one(things: Task) -> None:
    texts = ["", "so", "not so", "so", " "]
    env = CandidatesEnv(game(debate_v0, "debater_0", things), ScriptedAgent(lambda turn: texts[turn.draw]), n=5)
    observation, _ = env.reset(seed=0)
    assert observation["mask"].tolist() == [0, 1, 1, 0, 0]
    assert env.action_masks().tolist() == [False, True, True, False, False]
    candidates = observation["candidates"].reshape(5, -1)
    assert np.array_equal(candidates[1], candidates[3])
    rewards = []
    for action in (1, 3):
        env.reset(seed=0)
        rewards.append(env.step(action)[1])
    assert rewards[0] == rewards[1]
    silent = CandidatesEnv(game(debate_v0, "debater_0", things), ScriptedAgent([""]), n=2)
    assert silent.reset(seed=0)[0]["mask"].tolist() == [1, 0]
    assert silent.step(1)[2]


class Wrong(HashingEncoder):
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return super().encode(texts)[:, 1:]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n=0: give a whole number of at least 2"),
        ({"n": 1}, ValueError, "n=1: give a whole number of at least 2"),
        ({"proposer": ["only one"]}, ValueError, "n=1"),
        ({"proposer": ["a", "b", "a"]}, ValueError, "give different texts"),
        ({"proposer": ["a", " "]}, ValueError, "none of them empty"),
        ({"proposer": ["a", "b"], "n": 3}, ValueError, "2 texts were given"),
        ({"proposer": "a text"}, TypeError, "an agent with speak"),
        ({"encoder": Wrong(8)}, ValueError, r"dimension=8 and encoded 2 texts as \(2, 7\)"),
        ({"encoder": len}, TypeError, "an object with dimension and encode"),
    ],
)
def test_candidates_that_make_no_sense(things: Task, arguments: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        CandidatesEnv(**{"env": game(debate_v0, "debater_0", things), "proposer": Puppet(), **arguments})


def test_a_judge_learns_by_choosing_among_decisions(things: Task) -> None:
    judge = CandidatesEnv(direct_v0.gym_env(task=things, expert=True), ["A: 0.9, B: 0.1", "A: 0.1, B: 0.9"])
    rewards = []
    for action in (0, 1):
        judge.reset(seed=1, options={"question": 2})
        rewards.append(judge.step(action)[1])
    assert np.allclose(sorted(rewards), np.log([0.1, 0.9]))
