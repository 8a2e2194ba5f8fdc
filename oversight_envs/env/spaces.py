"""Spaces of text.

``gymnasium.spaces.Text`` enumerates an alphabet: it rejects spaces and newlines by default and takes milliseconds to
check a long text. Model output is any Unicode, so membership here is a type and a length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Space

from oversight_envs.core.checks import at_least

_WORDS = ("the", "passage", "says", "answer", "not", "so", "it", "is", "true", "that", "never", "before", "after")


class TextObservation(str):
    """A string that says its dtype, which PettingZoo's ``api_test`` reads off every observation."""

    dtype = np.dtype(str)


class Unicode(Space[str]):
    """Any string of at most ``max_length`` characters. ``sample()`` gives a few words, or one of ``samples``."""

    def __init__(
        self, max_length: int, samples: tuple[str, ...] = (), seed: int | np.random.Generator | None = None
    ) -> None:
        at_least("max_length", max_length, 1)
        self.max_length = max_length
        self.samples = samples
        super().__init__(shape=None, dtype=np.dtype(str), seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        if mask is not None or probability is not None:
            raise ValueError("a text space can't be masked")
        if self.samples:
            return self.samples[int(self.np_random.integers(len(self.samples)))]
        picked = self.np_random.integers(len(_WORDS), size=int(self.np_random.integers(1, 12)))
        return " ".join(_WORDS[int(i)] for i in picked)[: self.max_length]

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unicode) and (other.max_length, other.samples) == (self.max_length, self.samples)

    def __repr__(self) -> str:
        return f"Unicode({self.max_length})"
