"""What can fill a role: a speaker, a judge, a verifier; and how an episode's questions are put to them.

A filler works on batches, and needs only the methods that its role's duties call for: ``speak`` to say, ``decide`` to
judge between options, ``score`` to mark a solution. A plain ``str -> str`` function is a speaker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from oversight_envs.core.prompt import Prompt, render_prompt
from oversight_envs.core.protocol import Duty, Speech, Verdict
from oversight_envs.core.seeding import derive_seed

if TYPE_CHECKING:
    from oversight_envs.core.episode import Episode
    from oversight_envs.core.protocol import Protocol as Game


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Something that an episode wants to know from one role. ``index`` is its place in the episode's log.

    ``episode`` is the live episode: a player may ``branch()`` it to look ahead, and must not answer it.
    """

    role: str
    prompt: Prompt
    index: int
    episode: Episode
    draw: int = 0
    """Counts further draws for one ask, each with a random stream of its own: a decision asked again, best-of-N."""

    @property
    def seed(self) -> int:
        """This ask's own random stream: the same whatever else is in the batch."""
        return derive_seed(self.episode.seed, "ask", self.role, self.index, self.draw)


@dataclass(frozen=True, slots=True, eq=False)
class Turn(Ask):
    """A turn to speak."""


@dataclass(frozen=True, slots=True, eq=False)
class Case(Ask):
    """A case to decide: ``options[k]`` is the answer that the prompt labels ``labels[k]``. It carries no truth."""

    labels: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def question_id(self) -> str:
        return self.episode.question.id


@dataclass(frozen=True, slots=True, eq=False)
class Solution(Ask):
    """A solution to score."""

    problem: str = ""
    text: str = ""

    @property
    def question_id(self) -> str:
        return self.episode.question.id


@runtime_checkable
class Speaker(Protocol):
    """Says something in each turn: one ``Speech`` (or plain string) for each, in order."""

    def speak(self, turns: Sequence[Turn]) -> Sequence[Speech | str]: ...


@runtime_checkable
class Judge(Protocol):
    """Decides each case: one ``Verdict`` over its labels for each, in order. Raises where it can't; never guesses."""

    def decide(self, cases: Sequence[Case]) -> Sequence[Verdict]: ...


@runtime_checkable
class Verifier(Protocol):
    """Scores each solution: one real V for each, in order; for a calibrated verifier the log-odds that it is right."""

    def score(self, solutions: Sequence[Solution]) -> Sequence[float]: ...


Player = Speaker | Judge | Verifier | Callable[[str], str]
Players = Mapping[str, Player]

_METHODS: dict[Duty, str] = {"say": "speak", "decide": "decide", "score": "score"}
_DUTY_OF: dict[type[Ask], Duty] = {Turn: "say", Case: "decide", Solution: "score"}


class PlayerError(RuntimeError):
    """A player gave something that can't be used: too few answers, NaN, the wrong type. The episode is unharmed."""


@dataclass(frozen=True, slots=True)
class FunctionSpeaker:
    """A plain function as a speaker: it is given the prompt as one text and returns what to say."""

    function: Callable[[str], str]

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self.function(render_prompt(turn.prompt)) for turn in turns]

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "function", "name": getattr(self.function, "__qualname__", type(self.function).__qualname__)}


def check_players(game: Game, players: Players | None) -> dict[str, Any]:
    """The fillers of ``game``'s roles, functions made speakers; raises ValueError or TypeError for a misfit."""
    filled: dict[str, Any] = {}
    for role, player in (players or {}).items():
        if role not in game.duties:
            raise ValueError(f"players: {game.name} has no role {role!r}; its roles are {', '.join(game.duties)}")
        missing = [
            _METHODS[duty] for duty in sorted(game.duties[role]) if not callable(getattr(player, _METHODS[duty], None))
        ]
        if missing == ["speak"] and callable(player) and not isinstance(player, type):
            player, missing = FunctionSpeaker(player), []
        if missing:
            needs = " and ".join(f"{_METHODS[duty]}()" for duty in sorted(game.duties[role]))
            raise TypeError(f"players[{role!r}]: this role needs {needs}, and {player!r} lacks {', '.join(missing)}()")
        filled[role] = player
    return filled


def describe_player(player: Any) -> dict[str, Any]:
    """What the record keeps of a player: its ``description`` where it has one, else its type."""
    described = getattr(player, "description", None)
    return dict(described) if isinstance(described, Mapping) else {"type": type(player).__qualname__}


def answer_asks(player: Any, asks: Sequence[Ask]) -> list[Speech | Verdict | float]:
    """Puts ``asks`` of one kind to one player, and checks what comes back. Raises PlayerError naming what is wrong."""
    duty = _DUTY_OF[type(asks[0])]
    replies = getattr(player, _METHODS[duty])(asks)
    where = f"{type(player).__qualname__}.{_METHODS[duty]}()"
    if isinstance(replies, str) or not isinstance(replies, Sequence):
        raise PlayerError(f"{where} must return a list with one reply for each ask, not {type(replies).__name__}")
    if len(replies) != len(asks):
        raise PlayerError(f"{where} was asked {len(asks)} things and returned {len(replies)} replies")
    return [_checked(reply, ask, f"{where} for {ask.role}") for reply, ask in zip(replies, asks, strict=True)]


def _checked(reply: Any, ask: Ask, where: str) -> Speech | Verdict | float:
    if isinstance(ask, Turn):
        return _speech(reply, where)
    return _verdict(reply, ask, where) if isinstance(ask, Case) else _score(reply, where)


def _speech(reply: Any, where: str) -> Speech:
    if isinstance(reply, Speech) and isinstance(reply.text, str):
        return reply
    if isinstance(reply, str):
        return Speech(reply)
    raise PlayerError(f"{where} must return a string or a Speech, not {reply!r:.200}")


def _verdict(reply: Any, ask: Case, where: str) -> Verdict:
    if not isinstance(reply, Verdict):
        raise PlayerError(f"{where} must return a Verdict, not {reply!r:.200}")
    if len(reply.log_probs) != len(ask.labels):
        raise PlayerError(f"{where} returned {len(reply.log_probs)} log-probabilities for {len(ask.labels)} options")
    if not all(math.isfinite(p) for p in reply.log_probs):
        raise PlayerError(f"{where} returned log-probabilities that are not finite: {reply.log_probs}")
    total = sum(math.exp(min(p, 1.0)) for p in reply.log_probs)
    if abs(total - 1) > 1e-3:
        raise PlayerError(f"{where} returned probabilities that sum to {total:.4f}, not 1: {reply.log_probs}")
    return reply


def _score(reply: Any, where: str) -> float:
    try:
        score = float(reply)
    except (TypeError, ValueError):
        raise PlayerError(f"{where} must return a real number, not {reply!r:.200}") from None
    if not math.isfinite(score):
        raise PlayerError(f"{where} returned a score that is not finite: {score}")
    return score
