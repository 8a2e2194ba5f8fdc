"""The prover-verifier game: what provers earn."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest

from oversight_envs import Episode, prover_verifier_v0, render_prompt
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


def test_a_verifier_reads_the_translation_and_the_translator_is_paid_for_faithful_and_checkable_ones(sums: Any) -> None:
    players = {"verifier_0": CallableJudge(scores=lambda solution: 1.0)}
    env = prover_verifier_v0.raw_env(task=sums, players=players, translator=True)
    checked, wrong = -math.log1p(math.exp(-1)), -math.log1p(math.exp(1))
    for second, earned in (("So 5.\nAnswer: 5", (checked + wrong) / 2), ("So 4.\nAnswer: 4", (checked - 5) / 2)):
        env.reset(seed=0, options={"question": 3})
        written = {"helpful_0": "3+1\nAnswer: 4", "sneaky_0": "3+2\nAnswer: 5"}
        for text in written.values():
            env.step(text)
        for _ in range(2):
            assert env.agent_selection == "translator_0"
            of_the_helpful = "> 3+1" in env.observe("translator_0")
            assert "helpful" not in env.observe("translator_0")
            env.step("So 4.\nAnswer: 4" if of_the_helpful else second)
        marked = [render_prompt(entry.prompt) for entry in env.record.entries if entry.role == "verifier_0"]
        assert all("> So" in page and "> 3+" not in page for page in marked)
        assert env.record.correct == {"helpful_0": True, "sneaky_0": False}
        assert env.rewards == pytest.approx({"helpful_0": 1.0, "sneaky_0": 1.0, "translator_0": earned})
    with pytest.raises(ValueError, match="pass verifier=True"):
        prover_verifier_v0.env(task=sums, translator=True, verifier=False)
