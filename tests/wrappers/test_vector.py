"""Vectors of environments: one call to a player for all that wait for it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from bridge_games import Counting, game, reader
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from oversight_envs import debate_v0
from oversight_envs.core.question import Task
from oversight_envs.testing import Puppet
from oversight_envs.wrappers import BatchedVecEnv, CandidatesEnv, TokensEnv


@pytest.mark.parametrize("bridge", ["candidates", "tokens"])
def test_a_batched_vector_plays_as_single_games_do(bridge: str, things: Task) -> None:
    """Episodes end at different times: speeches have different lengths, and the others go on."""

    def make() -> Any:
        env = game(debate_v0, "debater_0", things, rounds=2, turns="sequential")
        return (
            CandidatesEnv(env, Puppet(), n=3)
            if bridge == "candidates"
            else TokensEnv(env, reader(), length=2000, max_new_tokens=9)
        )

    vectors = [make_vec_env(make, 4, seed=5, vec_env_cls=cls) for cls in (DummyVecEnv, BatchedVecEnv)]
    observations = [vector.reset() for vector in vectors]
    rng, ended = np.random.default_rng(0), []
    for _ in range(12 if bridge == "candidates" else 60):
        assert all(np.array_equal(observations[0][key], observations[1][key]) for key in observations[0])
        actions = rng.integers(vectors[0].action_space.n, size=4)
        if bridge == "tokens":
            actions[rng.random(4) < 0.2] = reader().tokenizer.eos_token_id
        results = [vector.step(actions) for vector in vectors]
        observations = [result[0] for result in results]
        for a, b in zip(results[0][1:3], results[1][1:3], strict=True):
            assert np.array_equal(a, b)
        for a, b in zip(results[0][3], results[1][3], strict=True):
            assert a.keys() == b.keys()
            assert a.get("verdict") == b.get("verdict")
            assert a.get("episode", {}).get("l") == b.get("episode", {}).get("l")
        ended.append(int(results[0][2].sum()))
    assert sum(ended) > 4
    assert bridge == "candidates" or 0 < max(ended) < 4


def test_each_player_is_called_once_for_the_whole_vector(things: Task) -> None:
    judge, opponent, proposer = Counting(), Counting(), Counting()
    env = lambda: debate_v0.gym_env(task=things, players={"debater_1": opponent, "judge_0": judge})  # noqa: E731
    vector = BatchedVecEnv([lambda: CandidatesEnv(env(), proposer, n=3)] * 6)
    vector.reset()
    for step in range(1, 4):
        _, _, dones, _ = vector.step([0] * 6)
        assert dones.all()
        assert judge.calls["decide"] == step  # type: ignore[attr-defined]
        assert opponent.calls["speak"] == step  # type: ignore[attr-defined]
        assert proposer.calls["speak"] == step + 1  # type: ignore[attr-defined]


def test_actions_and_vectors_that_make_no_sense(things: Task) -> None:
    make = lambda: CandidatesEnv(game(debate_v0, "debater_0", things), Puppet())  # noqa: E731
    with pytest.raises(RuntimeError, match="before reset"):
        make().step(0)
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action=8: give a whole number of Discrete\(8\)"):
        env.step(8)
    assert env.step(7)[2]  # the game was left as it was
    with pytest.raises(TypeError, match="is not a CandidatesEnv or TokensEnv"):
        BatchedVecEnv([lambda: gymnasium.make("CartPole-v1")])
    tokens = lambda: TokensEnv(game(debate_v0, "debater_0", things), reader(), length=2000)  # noqa: E731
    with pytest.raises(ValueError, match="not both"):
        BatchedVecEnv([make, tokens])
