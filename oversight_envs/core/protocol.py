"""Protocols: games written as straight-line scripts that do no I/O.

Rule 1: a protocol yields requests and is sent replies. It holds no model, opens no file and knows no RL.
Rule 2: all randomness comes from the generator it is given.
Rule 3: it never sees the truth; whoever drives it compares with the truth afterwards.
Rule 4: what it shows to anyone but an expert is built from ``question.censored()`` and from what was said.

The same script then runs step by step behind ``env.step``, in large batches, and as the replay of a saved episode
(see ``episode.py``). The style is that of sans-I/O protocol libraries such as h11.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from oversight_envs.core.prompt import Prompt
from oversight_envs.core.question import Question, Task
from oversight_envs.core.speech import Statement

Duty = Literal["say", "decide", "score"]

LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Speech:
    """What a speaker said in one turn.

    ``token_ids`` and ``log_probs`` (one for each id, natural log, at sampling temperature) are what a model drew;
    ``info`` is anything else worth keeping in the record, as JSON values (a best-of-N agent's scores).
    """

    text: str
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)


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
        return self.log_probs[option] - float(np.logaddexp.reduce(rest))

    @property
    def probabilities(self) -> tuple[float, ...]:
        return tuple(float(p) for p in np.exp(self.log_probs))

    @property
    def choice(self) -> int | None:
        """The most probable option, or None when two or more share the lead."""
        best = max(self.log_probs)
        return self.log_probs.index(best) if self.log_probs.count(best) == 1 else None


@dataclass(frozen=True, slots=True)
class View:
    """One rendering of a case. ``order[k]`` is the option that carries label ``LABELS[k]`` here."""

    prompt: Prompt
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The reply to ``Decide``: the verdict over the question's options in their own order, averaged over the views."""

    verdict: Verdict
    views: tuple[Verdict, ...]  # over labels, in each view's own order
    orders: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Say:
    """These roles speak at once: none sees what the others say now. Reply: ``dict[role, Speech]``."""

    prompts: Mapping[str, Prompt]


@dataclass(frozen=True, slots=True)
class Decide:
    """A probability over options, asked once for each view. Reply: ``Decision``."""

    role: str
    views: tuple[View, ...]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One real number for one solution: the log-odds that it is right. Reply: ``float``."""

    role: str
    prompt: Prompt
    problem: str
    solution: str


Request = Say | Decide | Score


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished game came to. Options are indices into ``question.options``."""

    transcript: tuple[Statement, ...] = ()
    sides: Mapping[str, int] = field(default_factory=dict)
    """Role -> the option it argued for."""
    decision: Decision | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    """Role -> the verifier's score V of its solution (log-odds that it is right)."""
    answers: Mapping[str, str | None] = field(default_factory=dict)
    """Role -> the final answer it gave to an open problem; None where none could be read."""


Game = Generator[Request, Any, Outcome]


@dataclass(frozen=True, kw_only=True)
class Protocol(ABC):
    """A game. Subclasses are frozen dataclasses whose fields are the game's options, checked at construction."""

    name: ClassVar[str]
    """Lower-case name, as in ``oversight/<name>-v0``."""
    zero_sum: ClassVar[bool] = False
    """Whether the players' rewards (judges aside) cancel under the default reward rule."""
    reward: ClassVar[str]
    """Name of the default reward rule (see ``rewards.py``)."""
    simultaneous: ClassVar[bool] = False
    """Whether every request asks all speaking roles at once: the game then also has a parallel form."""

    @property
    @abstractmethod
    def duties(self) -> Mapping[str, frozenset[Duty]]:
        """Role -> what it must be able to do. The order of the roles is the order in which agents act."""

    @property
    def experts(self) -> frozenset[str]:
        """Roles that may read the passage."""
        return frozenset()

    @abstractmethod
    def play(self, question: Question, rng: np.random.Generator) -> Game:
        """The script. ``question`` has no truth (``question.truth`` is None)."""

    def check_question(self, question: Question) -> None:  # noqa: B027  most games take any question
        """Raises ValueError, saying why, for a question that this game can't be played on."""

    def check_task(self, task: Task) -> None:
        """Raises ValueError, saying why, for a task that can't serve this game. Looks at its first question."""
        self.check_question(task[0])

    @cached_property
    def config(self) -> dict[str, Any]:
        """The options, as kept in the record; ``type(self)(**config)`` is this game again."""
        return {option.name: getattr(self, option.name) for option in fields(self)}


P = TypeVar("P", bound=Protocol)


def make_protocol(cls: type[P], options: Mapping[str, Any]) -> P:
    """``cls(**options)``, with an error that names the choices for an unknown option."""
    known = [option.name for option in fields(cls)]
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise TypeError(f"{cls.name} has no option {option!r}: {hint}its options are {', '.join(known)}")
    return cls(**options)


def one_of(argument: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raises ValueError unless ``value`` is allowed; the message names the argument, the value and the choices."""
    if value not in allowed or (isinstance(value, bool) and not any(isinstance(a, bool) for a in allowed)):
        raise ValueError(f"{argument}={value!r}: choose one of {', '.join(map(repr, allowed))}")


def at_least(argument: str, value: object, least: int) -> None:
    """Raises ValueError unless ``value`` is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{argument}={value!r}: give a whole number of at least {least}")
