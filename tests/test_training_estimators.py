"""What a step is made of: advantages, losses and batches against reference computations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from oversight_envs.training.advantages import centred, gae, leave_one_out, scaled, with_reward
from oversight_envs.training.estimators import with_critic, without_critic
from oversight_envs.training.losses import clipped_loss, kl_k3, value_loss
from oversight_envs.training.minibatches import by_tokens, padded_tokens, shuffled_minibatches
from oversight_envs.training.samples import Piece, Trajectory

pytestmark = pytest.mark.usefixtures("one_thread")


def test_gae_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 7):
        rewards, values = rng.normal(size=n), rng.normal(size=n + 1)
        values[n] = 0.0  # after the last token
        for lam in (0.0, 0.9, 1.0):
            deltas = [rewards[t] + values[t + 1] - values[t] for t in range(n)]
            want = [sum(lam ** (k - t) * deltas[k] for k in range(t, n)) for t in range(n)]
            got = gae(torch.tensor(rewards), torch.tensor(values[:n]), lam)
            assert got.tolist() == pytest.approx(want)
        to_go = [rewards[t:].sum() - values[t] for t in range(n)]
        assert gae(torch.tensor(rewards), torch.tensor(values[:n]), 1.0).tolist() == pytest.approx(to_go)


def test_group_baselines_are_their_formulas() -> None:
    returns = torch.tensor([1.0, 4.0, -2.0, 0.5], dtype=torch.float64)
    others = [sum(float(r) for j, r in enumerate(returns) if j != i) / 3 for i in range(4)]
    assert leave_one_out(returns).tolist() == pytest.approx([float(r) - o for r, o in zip(returns, others)])
    assert leave_one_out(returns[:1]).tolist() == [0.0]
    deviation = math.sqrt(sum((float(r) - 0.875) ** 2 for r in returns) / 4)
    want = [(float(r) - 0.875) / (deviation + 1e-4) for r in returns]
    assert scaled(centred(returns), returns).tolist() == pytest.approx(want)


def test_the_kl_estimator_is_unbiased_and_not_negative() -> None:
    p, q = torch.tensor([0.6, 0.3, 0.1]).log(), torch.tensor([0.2, 0.5, 0.3]).log()
    numbers = kl_k3(p, q)
    assert (numbers >= 0).all()
    assert float((p.exp() * numbers).sum()) == pytest.approx(float((p.exp() * (p - q)).sum()))


def test_clipped_losses_and_gradients_are_those_of_a_naive_computation() -> None:
    rng = np.random.default_rng(1)
    new, old, advantages, values, before, returns = rng.normal(size=(6, 40))
    old = new + 0.3 * rng.normal(size=40)
    log_probs = torch.tensor(new, requires_grad=True)
    loss = clipped_loss(log_probs, torch.tensor(old), torch.tensor(advantages), 0.2)
    loss.sum().backward()
    for t in range(40):
        ratio = math.exp(new[t] - old[t])
        assert loss.tolist()[t] == pytest.approx(-min(ratio * advantages[t], max(0.8, min(1.2, ratio)) * advantages[t]))
        flat = (ratio > 1.2 and advantages[t] > 0) or (ratio < 0.8 and advantages[t] < 0)
        assert log_probs.grad is not None
        assert float(log_probs.grad[t]) == pytest.approx(0.0 if flat else -ratio * advantages[t])
    for clip in (None, 0.3):
        got = value_loss(torch.tensor(values), torch.tensor(before), torch.tensor(returns), clip)
        for t in range(40):
            held = before[t] + max(-0.3, min(0.3, values[t] - before[t]))
            want = max((values[t] - returns[t]) ** 2, 0.0 if clip is None else (held - returns[t]) ** 2) / 2
            assert float(got[t]) == pytest.approx(want)


def trajectory(reward: float, length: int, role: str = "speaker_0", question: str = "q") -> Trajectory:
    piece = Piece(tuple(range(length + 1)), tuple(range(1, length + 1)), (-1.0,) * length)
    return Trajectory(role, ("", question, role, ""), reward, (piece,))


def zeros(trajectories: Sequence[Trajectory]) -> list[torch.Tensor]:
    return [torch.zeros(len(t.pieces[0].own)) for t in trajectories]


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
    penalties, values = zeros(made), [torch.randn(len(t.pieces[0].own)) for t in made]
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


def test_batches_keep_within_their_tokens_and_lose_nothing() -> None:
    rng = np.random.default_rng(3)
    lengths = [int(n) for n in rng.integers(1, 60, size=50)]
    batches = by_tokens(lengths, 100)
    assert sorted(i for batch in batches for i in batch) == list(range(50))
    assert all(padded_tokens(lengths, batch) <= 100 for batch in batches)
    assert by_tokens([500, 3], 100) == [[0], [1]]
    cuts = shuffled_minibatches(lengths, 4, rng)
    assert sorted(i for cut in cuts for i in cut) == list(range(50))
    assert len(cuts) == 4
    assert all(abs(sum(lengths[i] for i in cut) - sum(lengths) / 4) < 60 for cut in cuts)
    assert len(shuffled_minibatches([5, 5], 8, rng)) == 2
