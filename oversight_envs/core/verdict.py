"""A judge's belief over options, and a verifier's score with something beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

LOW_MASS = 0.5
"""A verdict whose labels got less of a model's probability than this is warned about."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's belief over options: natural-log probabilities that sum to one.

    ``mass`` is the probability that a language model gave to the labels at all, before normalising: near 0 means that
    it did not take the question as it was meant, and that the verdict says little. None where there is no such thing.
    ``info`` is what else the record is to keep of how it came about, as JSON values (a panel's verdicts, thoughts).
    """

    log_probs: tuple[float, ...]
    mass: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def log_odds(self, option: int = 0) -> float:
        """Log-odds of one option against all others: for two options the logit difference."""
        rest = [p for other, p in enumerate(self.log_probs) if other != option]
        return self.log_probs[option] - (rest[0] if len(rest) == 1 else float(np.logaddexp.reduce(rest)))

    @property
    def probabilities(self) -> tuple[float, ...]:
        return tuple(float(p) for p in np.exp(self.log_probs))

    @property
    def choice(self) -> int | None:
        """The most probable option, or None when two or more share the lead."""
        best = max(self.log_probs)
        return self.log_probs.index(best) if self.log_probs.count(best) == 1 else None

    def check(self) -> None:
        """Raises ValueError unless the log-probabilities are finite and sum to one."""
        if not all(map(math.isfinite, self.log_probs)):
            raise ValueError(f"log-probabilities that are not finite: {self.log_probs}")
        total = sum([math.exp(min(p, 1.0)) for p in self.log_probs])
        if abs(total - 1) > 1e-3:
            raise ValueError(f"probabilities that sum to {total:.4f}, not 1: {self.log_probs}")
        if self.mass is not None and not 0 <= self.mass <= 1 + 1e-3:
            raise ValueError(f"a label mass of {self.mass}, which is no probability")


class Mark(float):
    """A score, V, with ``info`` as a ``Verdict`` has it: for verifiers that have something to say beside the number."""

    info: Mapping[str, Any]

    def __new__(cls, value: float, info: Mapping[str, Any]) -> Mark:
        mark = super().__new__(cls, value)
        mark.info = info
        return mark

    def __getnewargs__(self) -> tuple[Any, ...]:  # type: ignore[override]  # for copies and pickles
        return float(self), self.info


def with_info(reply: Verdict | float, **info: Any) -> Verdict | Mark:
    """The verdict or score with more ``info``."""
    if isinstance(reply, Verdict):
        return replace(reply, info={**reply.info, **info})
    return Mark(reply, {**reply.info, **info} if isinstance(reply, Mark) else info)
