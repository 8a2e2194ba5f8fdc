"""Proximal policy optimisation (Schulman et al., arXiv 1707.06347) of a text policy on finished episodes.

Collect episodes with ``rollout``, hand their records to ``PPO.step``, repeat. The estimators without a critic (RLOO,
GRPO, REINFORCE) stand behind the same interface: they differ in the advantages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oversight_envs.core.checks import not_negative, one_of, positive
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.training.advantages import kl_penalties
from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.estimators import Estimates, Estimator, with_critic, without_critic
from oversight_envs.training.losses import clipped_loss, kl_k3, value_loss
from oversight_envs.training.minibatches import shuffled_minibatches
from oversight_envs.training.optimiser import DivergenceError, Optimiser
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.samples import Samples, TokenSequence, collect


@dataclass(frozen=True, kw_only=True)
class PPOConfig(TrainingConfig):
    """Settings of ``PPO``, beside those of every training step."""

    estimator: Estimator = "gae"
    """What a token's reward is compared with. ``gae``: the value head; ``rloo``: the other samples of the same question
    and role; ``grpo``: their mean and spread; ``reinforce``: the role's mean over the batch. Where all the rewards that
    are compared are equal, the advantages are 0 but for the KL penalty."""
    kl_coef: float = 0.05
    """beta: a token pays beta (log pi - log pi_ref) for leaving the reference; in units of reward. 0 needs none."""
    lam: float = 0.95
    """GAE's lambda: 1 trusts rewards alone, 0 the value head alone. The discount is 1."""
    normalise: bool = True
    """Divides advantages by their spread (see ``estimators.py``), so that the learning rate need not know the rewards'
    size; for ``gae`` it also subtracts each role's mean."""
    clip: float = 0.2
    """The objective is flat once a token's probability has changed by this factor in the direction of its advantage."""
    value_coef: float = 0.5
    """Weight of the value head's loss; the language model under it learns from it too. ``gae`` only. Returns are learnt
    as they are, so rewards in the hundreds want a smaller weight."""
    value_clip: float | None = None
    """How far a value may move in one step before its gradient stops, in units of reward; None: no limit."""
    entropy_coef: float = 0.0
    """Reward, in the loss, for each nat of a token's entropy."""
    max_kl: float | None = None
    """The rest of a step's updates are left out once KL(sampling policy || policy), in nats a token, is above this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("estimator", self.estimator, ("gae", "rloo", "grpo", "reinforce"))
        for name in ("kl_coef", "value_coef", "entropy_coef"):
            not_negative(name, getattr(self, name))
        if not 0 <= self.lam <= 1:
            raise ValueError(f"lam={self.lam!r}: give a number from 0 to 1")
        if not 0 < self.clip < 1:
            raise ValueError(f"clip={self.clip!r}: give a number between 0 and 1")
        for name in ("value_clip", "max_kl"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a step trains on: for each sequence its tokens' advantages, returns and values before (gae only)."""

    sequences: list[TokenSequence]
    advantages: list[Tensor]
    returns: list[Tensor]
    values: list[Tensor]


class PPO:
    """Trains a ``TextPolicy`` on the episodes in which it played ``roles``.

    Args:
        policy: the policy, which the episodes' roles were filled with.
        roles: the roles to train; others may have been played by anyone.
        config: the settings.

    Raises ValueError for a KL penalty without a reference.
    """

    def __init__(self, policy: TextPolicy, roles: Collection[str], config: PPOConfig | None = None) -> None:
        if not isinstance(policy, TextPolicy):
            raise TypeError(f"policy={policy!r:.80}: give a TextPolicy, TextPolicy(lm)")
        if isinstance(roles, str) or not isinstance(roles, Collection) or not roles:
            raise ValueError(f"roles={roles!r}: give the roles to train, such as ('debater_0', 'debater_1')")
        self.policy, self.roles, self.config = policy, tuple(roles), config or PPOConfig()
        if self.config.kl_coef and not policy.has_reference:
            raise ValueError(f"kl_coef={self.config.kl_coef} needs a policy with reference=True; or set kl_coef=0")
        self.optimiser = Optimiser(policy.parameters(), self.config)

    def step(self, records: Sequence[Record], rewards: Sequence[Mapping[str, float]] | None = None) -> dict[str, float]:
        """One training step on a batch of finished episodes; statistics for the log.

        The batch: ``reward`` (mean, and for each role), ``trajectories``, own ``tokens``; what ``collect`` counts as
        ``split``, ``unrewarded``, ``unspoken``; ``incomparable``, the share of trajectories without one of another
        reward to be compared with. Before the first update: ``kl_reference`` (nats a token; also where kl_coef is 0),
        ``explained_variance`` of the critic, ``drawn_gap`` (mean |log pi - log pi_drawn|: near 0, unless the episodes
        were played by other weights or at another temperature). Means over all updates: ``policy_loss``,
        ``value_loss``, ``entropy``, ``clip_fraction``, ``grad_norm``. Of the last minibatch: ``kl_step``, how far the
        policy has moved from the one that drew (nats a token). And ``updates``, ``stopped_early`` (by ``max_kl``),
        ``halved`` (memory ran out once), ``learning_rate``.

        ``rewards`` are given for each record by role; by default they are the records' own. If anything is raised
        (ValueError for unusable records or rewards, OutOfMemoryError, DivergenceError), the policy and optimiser are as
        before. The engine forgets what it has read, since the weights that read it are gone.
        """
        samples = collect(records, self.policy.lm, self.roles, rewards)
        rate = self.optimiser.learning_rate
        try:
            with self.optimiser.step():
                learnt = self._learn(samples)
        finally:
            self.policy.lm.forget()
        return {**_summary(samples), **learnt, "learning_rate": rate, "halved": float(self.optimiser.halved)}

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must share with this trainer to be loaded into it."""
        policy = {**self.policy.description, "origin": self.policy.origin}
        return {"type": "PPO", "roles": list(self.roles), "config": self.config.plain(), "policy": policy}

    def tensors(self) -> dict[str, Tensor]:
        """All that training has changed, by name (see ``Optimiser.tensors``)."""
        return self.optimiser.tensors()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what ``tensors`` gave."""
        self.optimiser.load(tensors)
        self.policy.lm.forget()

    def _learn(self, samples: Samples) -> dict[str, float]:
        batch, statistics = self._prepare(samples)
        seen: list[Tensor] = []  # sums of statistics, for each minibatch
        norms: list[float] = []
        stopped = False
        for minibatch in self._minibatches([len(sequence.ids) for sequence in batch.sequences]):
            seen.append(self._accumulate(batch, minibatch))
            kl = float(seen[-1][_KL] / seen[-1][_TOKENS])
            stopped = bool(norms) and self.config.max_kl is not None and kl > self.config.max_kl
            if stopped:
                self.optimiser.drop()
                break
            norms.append(self.optimiser.update())
        total, first = torch.stack(seen).sum(0), seen[0]
        return {
            **statistics,
            **{name: float(total[i] / total[_TOKENS]) for i, name in enumerate(_MEANS)},
            "drawn_gap": float(first[_GAP] / first[_TOKENS]),
            "kl_step": kl,
            "grad_norm": sum(norms) / len(norms),
            "updates": float(len(norms)),
            "stopped_early": float(stopped),
        }

    def _minibatches(self, lengths: list[int]) -> Iterator[list[int]]:
        for epoch in range(self.config.epochs):
            rng = np.random.default_rng(derive_seed(self.config.seed, "minibatches", self.optimiser.steps, epoch))
            yield from shuffled_minibatches(lengths, self.config.minibatches, rng)

    def _prepare(self, samples: Samples) -> tuple[_Batch, dict[str, float]]:
        """Values and reference probabilities before the step's first update, and the advantages that follow."""
        sequences = [sequence for trajectory in samples.trajectories for sequence in trajectory.sequences]
        drawn = [self._tensor(sequence.log_probs) for sequence in sequences]
        statistics: dict[str, float] = {}
        penalties = [torch.zeros_like(d) for d in drawn]
        if self.policy.has_reference:
            reference = self._for_each(sequences, self.policy.reference_log_probs)
            penalties = [kl_penalties(d, r, self.config.kl_coef) for d, r in zip(drawn, reference, strict=True)]
            differences = kl_k3(torch.cat(drawn), torch.cat(reference))
            statistics["kl_reference"] = float(differences.mean())
        values: list[Tensor] = []
        if self.config.estimator == "gae":
            values = self._for_each(sequences, self.policy.values)
        estimates = self._estimates(samples, penalties, values)
        sizes = [len(d) for d in drawn]
        statistics |= _explained(values, estimates)
        statistics["incomparable"] = estimates.incomparable / len(samples.trajectories)
        advantages = list(torch.split(torch.cat(estimates.advantages), sizes))
        returns = list(torch.split(torch.cat(estimates.returns), sizes)) if estimates.returns else []
        return _Batch(sequences, advantages, returns, values), statistics

    def _estimates(self, samples: Samples, penalties: list[Tensor], values: list[Tensor]) -> Estimates:
        def joined(parts: list[Tensor]) -> list[Tensor]:
            """One tensor for each trajectory, from one for each sequence."""
            rest = iter(parts)
            return [torch.cat([next(rest) for _ in trajectory.sequences]) for trajectory in samples.trajectories]

        chosen, normalise = self.config.estimator, self.config.normalise
        if chosen == "gae":
            return with_critic(
                samples.trajectories, joined(penalties), joined(values), lam=self.config.lam, normalise=normalise
            )
        return without_critic(samples.trajectories, joined(penalties), chosen, normalise=normalise)

    def _for_each(
        self, sequences: list[TokenSequence], compute: Callable[[list[TokenSequence]], Tensor]
    ) -> list[Tensor]:
        """``compute``, without gradients, in parts that fit in memory: a tensor over own tokens for each sequence."""
        found: dict[int, Tensor] = {}
        with torch.no_grad():
            parts = self.optimiser.in_parts(
                [len(sequence.ids) for sequence in sequences], lambda part: compute([sequences[i] for i in part])
            )
        for indices, numbers in parts:
            found |= zip(indices, torch.split(numbers, [len(sequences[i].own) for i in indices]), strict=True)
        return [found[i] for i in range(len(sequences))]

    def _accumulate(self, batch: _Batch, minibatch: list[int]) -> Tensor:
        """Adds up the gradients of a minibatch's loss, the mean over its own tokens; sums of statistics over them."""
        tokens = sum(len(batch.sequences[i].own) for i in minibatch)

        def backward(part: list[int]) -> Tensor:
            loss, sums = self._loss(batch, [minibatch[i] for i in part])
            if not torch.isfinite(loss):
                raise DivergenceError(f"the loss is {loss.item()}: the step was not applied; lower learning_rate")
            torch.autograd.backward(loss / tokens)
            return sums

        parts = self.optimiser.in_parts([len(batch.sequences[i].ids) for i in minibatch], backward)
        return torch.stack([sums for _, sums in parts]).sum(0)

    def _loss(self, batch: _Batch, indices: list[int]) -> tuple[Tensor, Tensor]:
        """The loss, summed over the own tokens of some sequences, and sums of statistics (see ``_MEANS``)."""
        config = self.config
        sequences = [batch.sequences[i] for i in indices]
        now = self.policy.evaluate(sequences)
        drawn = self._tensor([p for sequence in sequences for p in sequence.log_probs])
        advantages = torch.cat([batch.advantages[i] for i in indices])
        policy = clipped_loss(now.log_probs, drawn, advantages, config.clip)
        loss = policy.sum()
        if config.entropy_coef:
            loss = loss - config.entropy_coef * now.entropies.sum()
        critic = torch.zeros_like(policy)
        if batch.values:
            before = torch.cat([batch.values[i] for i in indices])
            returns = torch.cat([batch.returns[i] for i in indices])
            critic = value_loss(now.values, before, returns, config.value_clip)
            loss = loss + config.value_coef * critic.sum()
        gap = (now.log_probs - drawn).detach()
        clipped = (gap.exp() - 1).abs() > config.clip
        kl = kl_k3(drawn, now.log_probs.detach())
        rows = [policy, critic, now.entropies, clipped, kl, gap.abs(), torch.ones_like(gap)]
        return loss, torch.stack([row.detach().double().sum() for row in rows])

    def _tensor(self, numbers: Sequence[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float32, device=self.policy.value_head.weight.device)


_MEANS = ("policy_loss", "value_loss", "entropy", "clip_fraction")
_KL, _GAP, _TOKENS = 4, 5, 6  # further sums of _loss, behind those of _MEANS


def _summary(samples: Samples) -> dict[str, float]:
    """What the batch was: its size, what of it could not be used, and the mean reward of each role."""
    chosen = samples.trajectories
    by_role: dict[str, list[float]] = {}
    for trajectory in chosen:
        by_role.setdefault(trajectory.role, []).append(trajectory.reward)
    return {
        "reward": sum(t.reward for t in chosen) / len(chosen),
        **{f"reward/{role}": sum(found) / len(found) for role, found in by_role.items()},
        "trajectories": float(len(chosen)),
        "tokens": float(sum(len(sequence.own) for t in chosen for sequence in t.sequences)),
        "split": float(samples.split),
        "unrewarded": float(samples.unrewarded),
        "unspoken": float(samples.unspoken),
    }


def _explained(values: list[Tensor], estimates: Estimates) -> dict[str, float]:
    """The share of the returns' variance that the critic had foreseen (1: all; below 0: worse than a constant)."""
    if not values:
        return {}
    returns = torch.cat(estimates.returns)
    variance = float(returns.var(correction=0))
    left = float((returns - torch.cat(values)).var(correction=0))
    return {"explained_variance": 1 - left / variance if variance > 1e-12 else 0.0}
