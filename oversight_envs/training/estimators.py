"""The advantages of a whole batch: which rewards are compared with which, by estimator.

Where all the rewards that would be compared are equal there is nothing to tell better from worse: the reward's part of
these advantages is then exactly 0 and nothing is scaled up, so that what is left is the KL penalty alone, or nothing.
(Whitening would blow up the critic's errors to the size of a real signal.) How often this happens is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from oversight_envs.training.advantages import centred, gae, leave_one_out, scaled, to_go, with_reward
from oversight_envs.training.samples import Trajectory

Estimator = Literal["gae", "rloo", "grpo", "reinforce"]


@dataclass(frozen=True, slots=True)
class Estimates:
    """For each trajectory: the advantage of each own token [n], and what its value should have been [n] (gae only)."""

    advantages: list[Tensor]
    returns: list[Tensor]
    incomparable: int
    """Trajectories without one of another reward to be compared with."""


def with_critic(
    trajectories: Sequence[Trajectory],
    penalties: Sequence[Tensor],
    values: Sequence[Tensor],
    *,
    lam: float,
    normalise: bool,
) -> Estimates:
    """GAE. With ``normalise``, the advantages of each role's tokens are whitened: mean 0 and variance 1 over the batch.

    Args:
        trajectories: the batch.
        penalties: for each trajectory the KL penalty of each own token.
        values: for each trajectory the value of each own token's state.
        lam: of GAE.
        normalise: see above.
    """
    rewards = [with_reward(p, t.reward) for p, t in zip(penalties, trajectories, strict=True)]
    advantages = [gae(r, v, lam) for r, v in zip(rewards, values, strict=True)]
    returns = [a + v for a, v in zip(advantages, values, strict=True)]
    incomparable = 0
    for role in _members([t.role for t in trajectories]):
        if _equal([trajectories[i].reward for i in role]):
            incomparable += len(role)
            tokens = centred(torch.cat([to_go(penalties[i]) for i in role]))
        else:
            tokens = torch.cat([advantages[i] for i in role])
            tokens = scaled(centred(tokens), tokens) if normalise else tokens
        for i, part in zip(role, torch.split(tokens, [len(advantages[i]) for i in role]), strict=True):
            advantages[i] = part
    return Estimates(advantages, returns, incomparable)


def without_critic(
    trajectories: Sequence[Trajectory], penalties: Sequence[Tensor], estimator: Estimator, *, normalise: bool
) -> Estimates:
    """One advantage for all tokens of a trajectory, from its whole return R, the reward and the KL penalties.

    - ``rloo``: R less the mean of the others in its group; ``normalise`` divides by the role's standard deviation.
    - ``grpo``: R less the group's mean; ``normalise`` divides by the standard deviation of the group's rewards
      (DeepSeekMath, arXiv 2402.03300, sec. 4.1; without it this is Dr. GRPO, arXiv 2503.20783).
    - ``reinforce``: R less the mean of the role over the batch; ``normalise`` divides by the role's standard deviation.

    Raises ValueError if a group estimator has no group of two.
    """
    returns = torch.stack([p.sum() + t.reward for p, t in zip(penalties, trajectories, strict=True)])
    costs = torch.stack([p.sum() for p in penalties])
    rewards = returns.new_tensor([t.reward for t in trajectories])
    roles = _members([t.role for t in trajectories])
    groups = roles if estimator == "reinforce" else _members([t.group for t in trajectories])
    if estimator != "reinforce" and all(len(group) == 1 for group in groups):
        raise ValueError(
            f"estimator={estimator!r} compares samples of one question and role, and here every group has one: draw "
            "more (rollout(samples=2) or above), or use estimator='gae' or 'reinforce'"
        )
    baseline: Callable[[Tensor], Tensor] = leave_one_out if estimator == "rloo" else centred
    advantages = torch.zeros_like(returns)
    incomparable = 0
    for group in groups:
        if _equal(rewards[group].tolist()):
            incomparable += len(group)
            advantages[group] = baseline(costs[group])
        else:
            compared = baseline(returns[group])
            advantages[group] = scaled(compared, rewards[group]) if estimator == "grpo" and normalise else compared
    if estimator != "grpo" and normalise:
        for role in roles:
            if not _equal(rewards[role].tolist()):
                advantages[role] = scaled(advantages[role], advantages[role])
    spread = [a.expand(len(p)) for a, p in zip(advantages, penalties, strict=True)]
    return Estimates(spread, [], incomparable)


def _members(keys: Sequence[Hashable]) -> list[list[int]]:
    """The indices of each different key, in order of first appearance."""
    found: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key, []).append(index)
    return list(found.values())


def _equal(rewards: Sequence[float]) -> bool:
    return all(reward == rewards[0] for reward in rewards)
