"""What a game is about: a question, the answers on offer, a passage only experts may read, and the truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np

from oversight_envs.core.checks import storable, whole
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.seeding import derive_seed


@dataclass(frozen=True, slots=True)
class Question:
    """One question or problem.

    ``truth`` is the index of the right option, or the right final answer of an open problem (as text), or None where
    it is unknown or was taken away. No protocol ever holds it: an episode hands its protocol ``without_truth()`` and
    compares afterwards. What is shown to non-experts is built from ``censored()``, which has no passage either.
    """

    id: str
    text: str
    options: tuple[str, ...] = ()
    passage: str = ""
    truth: int | str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise ValueError(f"Question.id must be a non-empty string, not {self.id!r:.80}")
        storable("Question.id", self.id)
        for name in ("text", "passage"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"question {self.id!r}: {name} must be a string, not {getattr(self, name)!r:.80}")
        if self.metadata:
            storable(f"question {self.id!r}: metadata", dict(self.metadata))
        if isinstance(self.truth, Integral) and not isinstance(self.truth, (bool, int)):
            object.__setattr__(self, "truth", int(self.truth))
        if isinstance(self.options, str):
            raise ValueError(f"Question.options must be a sequence of strings, not the string {self.options!r}")
        # frozen: tidy up once here, so that nothing downstream meets a lone surrogate or a list
        object.__setattr__(self, "options", tuple(clean_text(option) for option in self.options))
        object.__setattr__(self, "text", clean_text(self.text))
        object.__setattr__(self, "passage", clean_text(self.passage))
        if len(self.options) == 1:
            raise ValueError(f"question {self.id!r} has one option, {self.options[0]!r}: give two or more, or none")
        if len(set(self.options)) < len(self.options):
            raise ValueError(f"question {self.id!r} has equal options: {self.options!r}")
        if self.options and self.truth is not None:
            if isinstance(self.truth, bool) or not isinstance(self.truth, int):
                raise ValueError(f"question {self.id!r} has options, so truth must be an index, not {self.truth!r}")
            if not 0 <= self.truth < len(self.options):
                raise ValueError(f"question {self.id!r}: truth {self.truth} is not one of {len(self.options)} options")
        elif self.truth is not None and not isinstance(self.truth, str):
            raise ValueError(f"question {self.id!r} has no options, so truth must be text, not {self.truth!r}")

    def without_truth(self) -> Question:
        """The question as experts see it: with the passage, without the truth and without metadata."""
        return self._bare(self.passage)

    def censored(self) -> Question:
        """The question as everyone may see it: no truth, no passage, no metadata."""
        return self._bare("")

    def _bare(self, passage: str) -> Question:
        """Without checking again what was checked: this is on the path of every episode."""
        twin = object.__new__(Question)
        put = object.__setattr__
        put(twin, "id", self.id)
        put(twin, "text", self.text)
        put(twin, "options", self.options)
        put(twin, "passage", passage)
        put(twin, "truth", None)
        put(twin, "metadata", {})
        return twin


class Task(ABC):
    """A set of questions in a fixed order: ``len(task)`` and ``task[i]``, lazily made where the set is procedural."""

    name: str
    split: str
    checkable: bool = False
    """Whether ``check`` can mark a free-text final answer."""

    @property
    def full_name(self) -> str:
        """Name and split, as records keep it."""
        return f"{self.name}/{self.split}"

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Question:
        """Question ``index``; raises IndexError past the end."""

    def __iter__(self) -> Iterator[Question]:
        for index in range(len(self)):
            yield self[index]

    def check(self, question: Question, answer: str | None) -> bool:
        """Is this final answer right? ``None`` (no answer was found) never is."""
        raise TypeError(f"task {self.name!r} can't mark free-text answers: override Task.check and set checkable")

    def sample(self, count: int | None = None, *, seed: int = 0) -> list[Question]:
        """``count`` different questions in an order that depends on the seed alone (all of them when None)."""
        size, seed = len(self), whole("seed", seed)
        count = size if count is None else whole("count", count)
        if not 1 <= count <= size:
            raise ValueError(
                f"count={count}: task {self.name!r} ({self.split}) has {size} questions, ask for 1..{size}"
            )
        rng = np.random.default_rng(derive_seed("task order", self.name, seed))
        if size > 1_000_000:  # procedural: a permutation of billions would not fit
            drawn: dict[int, None] = {}
            while len(drawn) < count:
                drawn.setdefault(int(rng.integers(size)))
            return [self[index] for index in drawn]
        return [self[int(index)] for index in rng.permutation(size)[:count]]
