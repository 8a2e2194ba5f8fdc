"""The settings that all trainers share: how weights are changed, and how much is computed at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from oversight_envs._options import make_plain
from oversight_envs.core.checks import at_least, not_negative, one_of, positive


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of AdamW and of one training step. Checked at construction; JSON values only."""

    learning_rate: float = 1e-5
    """AdamW's step size (its peak, where a schedule changes it)."""
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)
    """Part of a parameter's name -> factor on its learning rate: ``{"value_head": 10}``. The first that fits counts."""
    schedule: Literal["constant", "linear"] = "constant"
    """``linear`` falls to 0 after ``total_steps`` steps."""
    total_steps: int | None = None
    """How many steps the run has; needed by ``linear``."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly to its peak."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's averaging of gradients and of their squares."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = 1.0
    """A longer gradient is shortened to this norm, for each update."""
    epochs: int = 1
    """How many times a step goes over its batch."""
    minibatches: int = 1
    """Updates in each epoch: the batch is shuffled and cut into so many parts of about equally many tokens."""
    max_batch_tokens: int = 16_384
    """Most tokens, padding included, in one forward pass. A larger minibatch is computed in parts whose gradients add
    up, so this bounds memory and changes nothing else."""
    seed: int = 0
    """Where the shuffling comes from, with the number of the step; there is no other randomness."""

    def __post_init__(self) -> None:
        make_plain(self)
        if not isinstance(self.lr_multipliers, Mapping):
            raise TypeError(f"lr_multipliers={self.lr_multipliers!r:.80}: give a dict, such as {{'value_head': 10}}")
        positive("learning_rate", self.learning_rate)
        for part, factor in self.lr_multipliers.items():
            positive(f"lr_multipliers[{part!r}]", factor)
        one_of("schedule", self.schedule, ("constant", "linear"))
        if self.schedule == "linear" and self.total_steps is None:
            raise ValueError("schedule='linear' needs total_steps: how many steps the run has")
        if self.total_steps is not None:
            at_least("total_steps", self.total_steps, 1)
        at_least("warmup_steps", self.warmup_steps, 0)
        if (
            not isinstance(self.betas, Sequence)
            or len(self.betas) != 2
            or not all(0 <= beta < 1 for beta in self.betas)
        ):
            raise ValueError(f"betas={self.betas!r}: give two numbers from 0 up to, not including, 1")
        not_negative("weight_decay", self.weight_decay)
        positive("max_grad_norm", self.max_grad_norm)
        for name in ("epochs", "minibatches", "max_batch_tokens"):
            at_least(name, getattr(self, name), 1)
        at_least("seed", self.seed, 0)
        for option in fields(self):
            if option.type in ("bool", bool):
                one_of(option.name, getattr(self, option.name), (True, False))

    def rate(self, step: int) -> float:
        """The learning rate of step ``step`` (from 0): a function of the step alone, so resuming needs no state."""
        rate = self.learning_rate
        if self.schedule == "linear":
            assert self.total_steps is not None
            rate *= max(0.0, 1 - step / self.total_steps)
        return rate * min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else rate

    def multiplier(self, name: str) -> float:
        """The factor on the learning rate of the parameter called ``name``."""
        return next((factor for part, factor in self.lr_multipliers.items() if part in name), 1.0)

    def plain(self) -> dict[str, Any]:
        """As JSON values, for checkpoints and records."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}
