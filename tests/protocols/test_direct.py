"""Direct judgment."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oversight_envs import direct_v0


@pytest.mark.parametrize(
    ("said", "belief"),
    [("A", 0.99), (" (b).", 0.01), ("0.7", 0.7), ("B: 0.25", 0.75), ("Answer: A", 0.99), ("0", 0.01)],
)
def test_a_judge_that_is_an_agent_earns_the_log_score(things: Any, said: str, belief: float) -> None:
    env = direct_v0.gym_env(task=things)
    for seed in range(4):
        env.reset(seed=seed)
        episode = env.env.episode
        assert episode is not None
        first = episode.asks[0].options[0]
        _, reward, terminated, _, _ = env.step(said)
        question = episode.question
        p = belief if first == question.options[question.truth] else 1 - belief
        assert terminated
        assert reward == pytest.approx(math.log(p))
