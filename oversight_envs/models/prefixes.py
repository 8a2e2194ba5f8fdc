"""Readings of prompts that are kept, so that what prompts share at their start is computed once.

Debaters, rounds and best-of-N candidates all begin with the same passage. A reading is what a causal model computed for
some ids (its keys and values), and any beginning of it is the reading of those first ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

Ids = tuple[int, ...]
Layers = list[tuple[Tensor, Tensor]]
"""For each layer, keys and values of one sequence: [heads, length, dimension]."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a model computed for some ids."""

    ids: np.ndarray
    layers: Layers


class PrefixCache:
    """The most recently used readings, of at most ``max_tokens`` tokens altogether (0 keeps none)."""

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._readings: list[Reading] = []  # least recently used first; few enough to be searched one by one

    def __len__(self) -> int:
        """Tokens kept."""
        return sum(len(reading.ids) for reading in self._readings)

    def find(self, ids: Sequence[int]) -> tuple[Reading | None, int]:
        """The reading that shares most with the start of ``ids``, and how many tokens that is."""
        wanted = np.asarray(ids)
        shared = [common_length(reading.ids, wanted) for reading in self._readings]
        if not any(shared):
            return None, 0
        best = int(np.argmax(shared))
        reading = self._readings.pop(best)
        self._readings.append(reading)
        return reading, shared[best]

    def add(self, reading: Reading) -> None:
        """Keeps a reading, in place of those that it extends; the least recently used make room."""
        size = len(reading.ids)
        if size > self.max_tokens or any(common_length(r.ids, reading.ids) == size for r in self._readings):
            return
        self._readings = [r for r in self._readings if common_length(r.ids, reading.ids) < len(r.ids)]
        while self._readings and len(self) + size > self.max_tokens:
            del self._readings[0]
        self._readings.append(reading)

    def clear(self) -> None:
        self._readings.clear()


def common_length(a: np.ndarray | Sequence[int], b: np.ndarray | Sequence[int]) -> int:
    """How many ids two sequences have in common from their start."""
    size = min(len(a), len(b))
    different = np.flatnonzero(np.asarray(a[:size]) != np.asarray(b[:size]))
    return int(different[0]) if len(different) else size
