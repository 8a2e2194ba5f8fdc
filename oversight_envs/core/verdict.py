"""A judge's belief over options."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LOW_MASS = 0.5
"""A verdict whose labels got less of a model's probability than this is warned about."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's belief over options: natural-log probabilities that sum to one.

    ``mass`` is the probability that a language model gave to the labels at all, before normalising: near 0 means that
    it did not take the question as it was meant, and that the verdict says little. None where there is no such thing.
    """

    log_probs: tuple[float, ...]
    mass: float | None = None

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
