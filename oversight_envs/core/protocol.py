"""Protocols: games written as straight-line scripts that do no I/O.

Rule 1: a protocol yields requests and is sent replies. It holds no model, opens no file and knows no RL.
Rule 2: all randomness comes from the generator it is given; who argues what is drawn first, by ``assign``.
Rule 3: it never sees the truth; whoever drives it compares with the truth afterwards.
Rule 4: what it shows to anyone but an expert is built from ``question.censored()`` and from what was said.

The same script then runs step by step behind ``env.step``, in large batches, and as the replay of a saved episode
(see ``episode.py``). The style is that of sans-I/O protocol libraries such as h11.
"""

from __future__ import annotations

import difflib
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np

from oversight_envs.core.question import Question, Task
from oversight_envs.core.requests import Assignment, Request, Role

_ROLE_NAME = re.compile(r"[a-z]+_[0-9]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished game came to that its log can't tell."""

    answers: Mapping[str, str | None] = field(default_factory=dict)
    """Role -> the final answer that it gave to an open problem; None where none could be read, or it forfeited."""
    sides: Mapping[str, int] = field(default_factory=dict)
    """Role -> the option that it argued for, where roles chose in play; from then on they stand in ``assigned``."""


class Truncated(Exception):
    """What a script raises, with the reason, when what was said leaves no way to go on: there is then no outcome."""


Game = Generator[Request, Any, Outcome | None]
"""A script in progress. It may return nothing, which is an empty ``Outcome``."""


@dataclass(frozen=True, kw_only=True)
class Protocol(ABC):
    """A game. Subclasses are frozen dataclasses whose fields are the game's options, checked at construction.

    ``roles`` and ``reward`` are attributes of the class, or properties where they depend on the options.
    """

    name: ClassVar[str]
    """Lower-case name, as in ``oversight/<name>-v0``."""
    zero_sum: ClassVar[bool] = False
    """Whether the players' rewards (judges aside) cancel under the default reward rule."""
    reward: ClassVar[Callable[[Any], Any]]
    """The default reward rule: a function of finished records (see ``rewards.py``)."""
    simultaneous: ClassVar[bool] = False
    """Whether every request asks all speaking roles at once: the game then also has a parallel form."""
    rules: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Reward rules of this game alone, by name: they can be chosen as those of ``rewards.RULES`` can."""
    judge_reads: ClassVar[str] = ""
    """For lists of games: what whoever decides or scores is shown, in a few words."""
    source: ClassVar[str] = ""
    """For lists of games: the papers that it is from."""
    roles: ClassVar[Mapping[str, Role]]
    """Name -> what the role may see and must do. Their order is the order in which agents act."""

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        """Who argues for what, who is honest, in which order a judge reads. Pure; comes before ``play``."""
        return Assignment()

    @abstractmethod
    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        """The script. ``question`` has no truth; ``rng`` goes on where ``assign`` left it."""

    def check_question(self, question: Question) -> None:  # noqa: B027  most games take any question
        """Raises ValueError, saying why, for a question that this game can't be played on."""

    def check_task(self, task: Task) -> None:
        """Raises ValueError, saying why, for a task that can't serve this game. Looks at its first question."""
        self.check_question(task[0])

    def baselines(self) -> Mapping[str, Protocol]:
        """Name -> a game to compare this one with: its judge on the same questions, under the same wording."""
        return {}

    @classmethod
    def explained(cls, record: Any) -> Sequence[str]:
        """For who watches: what each statement of a record's transcript says, where its words alone don't tell."""
        return [""] * len(record.transcript)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The options, as kept in the record; ``type(self)(**config)`` is this game again."""
        return {option.name: getattr(self, option.name) for option in fields(self) if option.init}


P = TypeVar("P", bound=Protocol)


def make_protocol(cls: type[P], options: Mapping[str, Any]) -> P:
    """``cls(**options)``, with an error that names the choices for an unknown option."""
    known = [option.name for option in fields(cls) if option.init]
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise TypeError(f"{cls.name} has no option {option!r}: {hint}its options are {', '.join(known)}")
    return cls(**options)


def check_roles(game: Protocol) -> None:
    """Raises TypeError or ValueError for roles that are not declared as a game needs them."""
    roles = getattr(game, "roles", None)
    if not isinstance(roles, Mapping) or not roles or not all(isinstance(role, Role) for role in roles.values()):
        raise TypeError(f"{game.name}.roles must map names to Role(kind, does, expert), not {roles!r:.200}")
    for role in roles:
        if not _ROLE_NAME.fullmatch(role):
            raise ValueError(f"{game.name} has a role {role!r}: names are lower-case letters, _ and a number (judge_0)")


def check_assignment(game: str, roles: Mapping[str, Role], question: Question, assigned: Assignment) -> None:
    """Raises TypeError or ValueError for an assignment that names a role or an option that is not there."""
    if not isinstance(assigned, Assignment):
        raise TypeError(f"{game}.assign() must return an Assignment, not {assigned!r:.200}")
    for role in (*assigned.sides, *assigned.honest):
        if role not in roles:
            raise ValueError(f"{game}.assign() names {role!r}, and the roles are {', '.join(roles)}")
    for role, side in assigned.sides.items():
        if not 0 <= side < len(question.options):
            raise ValueError(f"{game}.assign() gives {role} option {side} of {len(question.options)}")
    if assigned.order and sorted(assigned.order) != list(range(len(question.options))):
        raise ValueError(f"{game}.assign() orders {len(question.options)} options as {assigned.order!r}")


def default_reward(game: Protocol) -> Callable[[Any], Any]:
    """The game's own reward rule: what stands in its class as ``reward``, a plain function included."""
    try:
        rule = inspect.getattr_static(game, "reward")
    except AttributeError:
        raise ValueError(
            f"{game.name} has no reward rule of its own: set reward in its class (logit, or your own function of "
            "records), or pass reward="
        ) from None
    if isinstance(rule, staticmethod):
        return rule.__func__
    # a function in a class body would come out of an instance as a method
    found: Any = rule if inspect.isfunction(rule) else game.reward
    if not callable(found):
        raise TypeError(f"{game.name}.reward must be a function of records, not {found!r:.200}")
    return found  # type: ignore[no-any-return]
