"""Advantages against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from oversight_envs.training.advantages import centred, gae, leave_one_out, scaled

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
