"""Spaces of text.

``gymnasium.spaces.Text`` enumerates an alphabet: it rejects spaces and newlines by default and takes milliseconds to
check a long text. Model output is any Unicode, so membership here is a type and a length.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector.utils import create_shared_memory, read_from_shared_memory, write_to_shared_memory

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


SHARED_BYTES = 2**20
"""Room for one text in the memory that ``gymnasium.vector.AsyncVectorEnv`` shares with its processes. (That of the
longest text would be 40 MB for each environment.)"""
_LENGTH_BYTES = 8


@create_shared_memory.register
def _create(_: Unicode, n: int = 1, ctx: Any = multiprocessing) -> Any:
    return ctx.Array("B", n * SHARED_BYTES, lock=False)


@write_to_shared_memory.register
def _write(_: Unicode, index: int, values: str, shared_memory: Any) -> None:
    text = values.encode("utf-8", "surrogatepass")
    if len(text) > SHARED_BYTES - _LENGTH_BYTES:
        raise ValueError(
            f"an observation of {len(text):,} bytes is too long to share: give AsyncVectorEnv shared_memory=False"
        )
    start = index * SHARED_BYTES
    memory = memoryview(shared_memory).cast("B")
    memory[start : start + _LENGTH_BYTES + len(text)] = len(text).to_bytes(_LENGTH_BYTES, "little") + text


class SharedTexts(Sequence[str]):
    """The texts of all environments, as they are in the shared memory when they are looked at; a copy is a tuple.

    (A vector reads its memory once, when it is made, and gives copies of what it got, or with ``copy=False`` that.)
    """

    def __init__(self, memory: Any, n: int) -> None:
        self._memory, self._n = memory, n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self)[index]
        start = range(self._n)[index] * SHARED_BYTES + _LENGTH_BYTES
        memory = memoryview(self._memory).cast("B")
        length = int.from_bytes(memory[start - _LENGTH_BYTES : start], "little")
        return bytes(memory[start : start + length]).decode("utf-8", "surrogatepass")

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return tuple(self)


@read_from_shared_memory.register  # type: ignore[arg-type]  # it says tuple, and means what is then copied
def _read(_: Unicode, shared_memory: Any, n: int = 1) -> SharedTexts:
    return SharedTexts(shared_memory, n)
