"""The prover-verifier game: what provers earn."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from oversight_envs import Episode, prover_verifier_v0
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import ProverVerifier


@pytest.mark.parametrize(
    ("reward", "value"),
    [
        ("src", {(1, 1): 2, (1, 0): -2, (0, 1): -2, (0, 0): 2}),
        ("cgc", {(1, 1): 2, (1, 0): -2, (0, 1): -2, (0, 0): 2}),
        ("goodhart", {(1, 1): 2, (1, 0): 2, (0, 1): 2, (0, 0): 2}),
        ("correctness", {(1, 1): 1, (1, 0): 1, (0, 1): 0, (0, 0): 0}),
    ],
)
def test_prover_rewards(sums: Any, reward: str, value: dict[tuple[int, int], float]) -> None:
    env = prover_verifier_v0.raw_env(
        task=sums, players={"verifier_0": CallableJudge(scores=lambda solution: 2.0)}, reward=reward
    )
    for right, helpful in product((0, 1), (0, 1)):
        env.reset(seed=0, options={"question": 3})
        for agent in ("helpful_0", "sneaky_0"):
            assert env.agent_selection == agent
            env.step(f"3 + 1\nAnswer: {4 if right else 5}")
        played = "helpful_0" if helpful else "sneaky_0"
        assert env.rewards[played] == value[right, helpful]


def test_src_and_cgc_when_the_verifier_is_not_convinced(sums: Any) -> None:
    for reward, value in (("src", -1.0), ("cgc", -0.5)):
        players = {"verifier_0": CallableJudge(scores=lambda solution: -0.5)}
        env = prover_verifier_v0.gym_env(task=sums, provers="helpful", players=players, reward=reward)
        env.reset(options={"question": 1})
        assert env.step("Answer: 2")[1] == value


def test_no_place_tells_the_verifier_who_wrote_a_solution(sums: Any) -> None:
    first = []
    for seed in range(200):
        episodes = [Episode(ProverVerifier(), sums[0], seed) for _ in range(2)]
        for episode in episodes:
            for ask in episode.asks:
                episode.answer(ask, f"I am {ask.role}.\nAnswer: 1")
            while episode.asks:
                (ask,) = episode.asks
                episode.answer(ask, 1.0 if ask.text.startswith("I am helpful_0.") else -1.0)
        assert {scored.author: scored.value for scored in episodes[0].scores} == {"helpful_0": 1.0, "sneaky_0": -1.0}
        assert episodes[0].scores == episodes[1].scores  # the seed decides, and nothing else
        first.append(episodes[0].scores[0].author)
    assert 75 < first.count("helpful_0") < 125
