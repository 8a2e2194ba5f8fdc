"""How much better than expected each token was: pure functions on tensors.

The KL to the reference is part of the reward (as in Ziegler et al., arXiv 1909.08593, eq. 2): token t is paid
r_t = -beta (log pi(a_t) - log pi_ref(a_t)), the last one also the episode's reward R, so that for every estimator the
optimum is pi proportional to pi_ref exp(R / beta). A k3 term in the loss, the other custom, does not have this optimum:
on samples of pi its gradient is that of KL(pi_ref || pi).
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-4
"""Added to standard deviations: differences far below it are rounding, and must not be blown up to size 1."""


def kl_penalties(log_probs: Tensor, reference: Tensor, kl_coef: float) -> Tensor:
    """What each own token [n] pays for being likelier here than under the reference: -beta (log pi - log pi_ref).

    ``log_probs`` are those with which the tokens were drawn, so these are plain numbers without gradient.
    """
    return -kl_coef * (log_probs - reference)


def with_reward(penalties: Tensor, reward: float) -> Tensor:
    """The reward of each own token [n]: its KL penalty, and the episode's reward on the last one."""
    rewards = penalties.clone()
    rewards[-1] += reward
    return rewards


def gae(rewards: Tensor, values: Tensor, lam: float) -> Tensor:
    """Generalised advantage estimates [n] of one trajectory, undiscounted (Schulman et al., arXiv 1506.02438, eq. 16).

    delta_t = r_t + V_{t+1} - V_t with V_n = 0 after the last token, and A_t = sum_{k >= t} lam^(k-t) delta_k. The
    steps are the policy's own tokens: what others say in between is the environment's answer. ``lam`` 1 gives
    reward-to-go minus V_t, 0 the one-step difference.
    """
    following = torch.cat([values[1:], values.new_zeros(1)])
    deltas = (rewards + following - values).tolist()
    advantages, ahead = [0.0] * len(deltas), 0.0
    for t in reversed(range(len(deltas))):
        ahead = deltas[t] + lam * ahead
        advantages[t] = ahead
    return rewards.new_tensor(advantages)


def leave_one_out(returns: Tensor) -> Tensor:
    """RLOO: R_i - mean of the other R_j, [n] (Ahmadian et al., arXiv 2402.14740, sec. 3). 0 for a group of one."""
    n = len(returns)
    if n == 1:
        return torch.zeros_like(returns)
    return returns - (returns.sum() - returns) / (n - 1)


def centred(returns: Tensor) -> Tensor:
    """R_i - mean(R), [n]: GRPO's numerator, and REINFORCE with the batch's mean as its baseline."""
    return returns - returns.mean()


def scaled(advantages: Tensor, spread_of: Tensor) -> Tensor:
    """``advantages`` over the (population) standard deviation of ``spread_of`` plus ``EPSILON``."""
    return advantages / (spread_of.std(correction=0) + EPSILON)


def to_go(numbers: Tensor) -> Tensor:
    """The sum of each number and all later ones, [n]."""
    return numbers.flip(0).cumsum(0).flip(0)
