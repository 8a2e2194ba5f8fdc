"""The losses of PPO, one number for each token: pure functions on tensors of one shape."""

from __future__ import annotations

import torch
from torch import Tensor


def clipped_loss(log_probs: Tensor, drawn: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """-min(rho A, clip(rho, 1 - c, 1 + c) A) with rho = pi(a) / pi_drawn(a) (Schulman et al., arXiv 1707.06347, eq. 7).

    ``drawn`` are the log-probabilities with which the tokens were drawn.
    """
    ratio = (log_probs - drawn).exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)


def value_loss(values: Tensor, before: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """(V - R)^2 / 2; with ``clip`` the larger of that and the same for V held within ``clip`` of its value before.

    The clipped form is that of OpenAI's baselines: it takes away the gradient of values that have moved far enough.
    """
    loss = (values - returns) ** 2
    if clip is not None:
        loss = torch.max(loss, (before + (values - before).clamp(-clip, clip) - returns) ** 2)
    return loss / 2


def kl_k3(log_probs: Tensor, other: Tensor) -> Tensor:
    """k3: exp(d) - 1 - d with d = log other - log p, for tokens drawn from p; its mean estimates KL(p || other).

    Unbiased, never negative, and of small variance (J. Schulman, "Approximating KL divergence", 2020).
    """
    difference = other - log_probs
    return difference.expm1() - difference
