"""Losses against naive computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from oversight_envs.training.losses import clipped_loss, kl_k3, value_loss

pytestmark = pytest.mark.usefixtures("one_thread")


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
