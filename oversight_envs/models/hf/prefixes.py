"""What a model computed for prompts, kept so that what prompts share at their start is computed once.

Debaters, rounds and best-of-N candidates all begin with the same passage. A cached prefix is what a causal model
computed for some ids (its keys and values), and any beginning of it is the prefix of those first ids.
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
class CachedPrefix:
    """What a model computed for some ids."""

    ids: np.ndarray
    layers: Layers


class PrefixCache:
    """The most recently used prefixes, of at most ``max_tokens`` tokens altogether (0 keeps none)."""

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._prefixes: list[CachedPrefix] = []  # least recently used first; few enough to be searched one by one

    def __len__(self) -> int:
        """Tokens kept."""
        return sum(len(cached.ids) for cached in self._prefixes)

    def find(self, ids: Sequence[int]) -> tuple[CachedPrefix | None, int]:
        """The cached prefix that shares most with the start of ``ids``, and how many tokens that is."""
        wanted = np.asarray(ids)
        shared = [common_length(cached.ids, wanted) for cached in self._prefixes]
        if not any(shared):
            return None, 0
        best = int(np.argmax(shared))
        cached = self._prefixes.pop(best)
        self._prefixes.append(cached)
        return cached, shared[best]

    def add(self, cached: CachedPrefix) -> None:
        """Keeps a prefix, in place of those that it extends; the least recently used make room."""
        size = len(cached.ids)
        if size > self.max_tokens or any(common_length(r.ids, cached.ids) == size for r in self._prefixes):
            return
        self._prefixes = [r for r in self._prefixes if common_length(r.ids, cached.ids) < len(r.ids)]
        while self._prefixes and len(self) + size > self.max_tokens:
            del self._prefixes[0]
        self._prefixes.append(cached)

    def clear(self) -> None:
        self._prefixes.clear()


def common_length(a: np.ndarray | Sequence[int], b: np.ndarray | Sequence[int]) -> int:
    """How many ids two sequences have in common from their start."""
    size = min(len(a), len(b))
    different = np.flatnonzero(np.asarray(a[:size]) != np.asarray(b[:size]))
    return int(different[0]) if len(different) else size
