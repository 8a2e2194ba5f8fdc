"""Advantages for each role and group, whatever the estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from oversight_envs.training.advantages import gae, with_reward
from oversight_envs.training.estimators import with_critic, without_critic
from oversight_envs.training.samples import TokenSequence, Trajectory

pytestmark = pytest.mark.usefixtures("one_thread")


def trajectory(reward: float, length: int, role: str = "speaker_0", question: str = "q") -> Trajectory:
    sequence = TokenSequence(tuple(range(length + 1)), tuple(range(1, length + 1)), (-1.0,) * length)
    return Trajectory(role, ("", question, role, ""), reward, (sequence,))


def zeros(trajectories: Sequence[Trajectory]) -> list[torch.Tensor]:
    return [torch.zeros(len(t.sequences[0].own)) for t in trajectories]


def test_advantages_are_whitened_for_each_role_apart() -> None:
    rng = np.random.default_rng(2)
    made = [trajectory(float(rng.normal(3 * i, 1)), 4, role) for i, role in enumerate(["a_0", "b_0"] * 5)]
    values = [torch.tensor(rng.normal(size=4), dtype=torch.float32) for _ in made]
    found = with_critic(made, zeros(made), values, lam=0.9, normalise=True)
    for role in ("a_0", "b_0"):
        tokens = torch.cat([a for a, t in zip(found.advantages, made) if t.role == role])
        assert float(tokens.mean()) == pytest.approx(0, abs=1e-6)
        assert float(tokens.std(correction=0)) == pytest.approx(1, abs=1e-3)
    for v, r, t in zip(values, found.returns, made):
        assert torch.allclose(r, gae(with_reward(torch.zeros(4), t.reward), v, 0.9) + v)


@pytest.mark.parametrize("estimator", ["gae", "rloo", "grpo", "reinforce"])
def test_equal_rewards_give_no_advantage(estimator: Any) -> None:
    made = [trajectory(0.1, 3), trajectory(0.1, 2), trajectory(0.1, 3)]
    penalties, values = zeros(made), [torch.randn(len(t.sequences[0].own)) for t in made]
    if estimator == "gae":
        found = with_critic(made, penalties, values, lam=0.95, normalise=True)
    else:
        found = without_critic(made, penalties, estimator, normalise=True)
    assert all((a == 0).all() for a in found.advantages)
    assert found.incomparable == 3


def test_groups_of_one_can_not_be_compared() -> None:
    made = [trajectory(1.0, 2, question="a"), trajectory(0.0, 2, question="b"), trajectory(1.0, 2, question="b")]
    found = without_critic(made, zeros(made), "rloo", normalise=False)
    assert [a.tolist() for a in found.advantages] == [[0, 0], [-1, -1], [1, 1]]
    assert found.incomparable == 1
    with pytest.raises(ValueError, match="every group has one"):
        without_critic(made[:2], zeros(made[:2]), "grpo", normalise=True)
