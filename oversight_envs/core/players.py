"""What can fill a role, in one of three shapes, and how it is asked.

- It takes a batch in step: ``speak(turns)``, ``decide(cases)``, ``score(solutions)``, whichever its role needs. Models
  in this process, scripts. A plain function will do, too: of the prompt's text, as a speaker; of a ``Case``, as a
  judge (it returns a label, a ``Verdict``, or a probability for each label); of a ``Solution``, as a verifier.
- It answers one ask asynchronously: ``async def answer(ask)``. Servers, people on a page. What it returns is a reply,
  or ``Answer(reply, spent)``.
- It is made of players: ``def answer(ask)``, a generator that yields ``Consult(player, asks)``, is sent their replies
  and returns its own. Its calls join everyone else's batches.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from oversight_envs.core.checks import storable
from oversight_envs.core.prompt import render_prompt
from oversight_envs.core.protocol import Protocol as Game
from oversight_envs.core.protocol import check_roles
from oversight_envs.core.requests import KINDS, Ask, Duty, Judge, Reply, Role, Speaker, Turn, Verifier
from oversight_envs.core.usage import Answer

Player = Speaker | Judge | Verifier | Callable[..., Any] | str | Any
"""A player; or the name of one (``"smollm2-135m"``, ``"human"``, ``"scripted:TEXT"``)."""
Players = Mapping[str, Player]

Shape = Literal["batch", "async", "compound"]


class PlayerError(RuntimeError):
    """A player gave something that can't be used: too few answers, NaN, the wrong type. The episode is unharmed."""


class Unanswerable(PlayerError):
    """One ask can't be answered, through nobody's fault that a repetition could mend: it is too long for the model.

    If what was said made it so, the episode is truncated, with the reason, and others go on.
    """


class CannotPlay(PlayerError):
    """A player can answer nothing at all: no key, no such model. It ends the run, whatever becomes of other failures:
    all that follows would fail."""


class OutOfBudget(CannotPlay):
    """What may be spent is spent."""


@dataclass(frozen=True, slots=True)
class Consult:
    """What a player made of players yields: ``player`` is to answer ``asks``, all of one kind. Sent: their replies."""

    player: Any
    asks: Sequence[Ask]


@dataclass(frozen=True, slots=True)
class FunctionSpeaker:
    """A plain function as a speaker: it is given the prompt as one text and returns what to say."""

    function: Callable[[str], str]

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self.function(render_prompt(turn.prompt)) for turn in turns]

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "function", "name": getattr(self.function, "__qualname__", type(self.function).__qualname__)}


def shape(player: Any) -> Shape:
    """How a player is asked."""
    answer = getattr(player, "answer", None)
    if inspect.iscoroutinefunction(answer):
        return "async"
    return "compound" if inspect.isgeneratorfunction(answer) else "batch"


def check_players(game: Game, players: Players | None, *, knows: Any = None) -> dict[str, Any]:
    """The fillers of ``game``'s roles: names made players (equal ones the same player), functions made players.

    ``knows``, a task and its questions, is what an ``oracle`` is to know. Raises ValueError or TypeError for a misfit.
    """
    check_roles(game)
    if players is not None and not isinstance(players, Mapping):
        raise TypeError(f"players={players!r:.80}: give a dict of roles and who plays them, as {{'judge_0': judge}}")
    filled: dict[str, Any] = {}
    named: dict[tuple[str, frozenset[Duty]], Any] = {}
    for role, player in (players or {}).items():
        if role not in game.roles:
            raise ValueError(f"players: {game.name} has no role {role!r}; its roles are {', '.join(game.roles)}")
        if isinstance(player, str):
            make = import_module("oversight_envs.agents.specs").make_player  # by name: players are above the core
            does = game.roles[role].does
            if (player, does) not in named:
                named[player, does] = make(player, game.roles[role], knows=knows)
            player = named[player, does]
        filled[role] = _fitting(role, game.roles[role], player)
    return filled


def _fitting(name: str, role: Role, player: Any) -> Any:
    if shape(player) != "batch" and not isinstance(player, type):
        does = getattr(player, "does", role.does)
        if not role.does <= does:
            raise TypeError(
                f"players[{name!r}]: this role does {sorted(role.does)}, and {player!r} does {sorted(does)}"
            )
        return player
    methods = [KINDS[duty].method for duty in sorted(role.does)]
    if not role.speaks:
        player = import_module("oversight_envs.judges.functions").as_judge(player)  # by name: judges are above the core
    missing = [method for method in methods if not callable(getattr(player, method, None))]
    if missing == ["speak"] and callable(player) and not isinstance(player, type):
        return FunctionSpeaker(player)
    if missing or isinstance(player, type):
        needs = " and ".join(f"{method}()" for method in methods)
        hint = f"; give an instance, {player.__name__}()" if isinstance(player, type) else ""
        lacks = ", ".join(missing) or "being made"
        raise TypeError(f"players[{name!r}]: this role needs {needs}, and {player!r} lacks {lacks}{hint}")
    return player


def describe_player(player: Any) -> dict[str, Any]:
    """What the record keeps of a player: its ``description`` where it has one, else its type."""
    described = getattr(player, "description", None)
    if not isinstance(described, Mapping):
        return {"type": type(player).__qualname__}
    storable(f"the description of {type(player).__qualname__}", dict(described))
    return dict(described)


def answer_asks(player: Any, asks: Sequence[Ask]) -> list[Reply]:
    """Puts ``asks`` of one kind to a player that takes batches, and checks what comes back.

    Raises PlayerError naming what is wrong, and whatever the player raises.
    """
    method = type(asks[0]).method
    where = f"{type(player).__qualname__}.{method}()"
    if not callable(getattr(player, method, None)):
        raise TypeError(f"{player!r:.200} has no {method}(), which {asks[0].role} is asked for")
    replies = getattr(player, method)(asks)
    if isinstance(replies, str) or not isinstance(replies, Sequence):
        raise PlayerError(f"{where} must return a list with one reply for each ask, not {type(replies).__name__}")
    if len(replies) != len(asks):
        raise PlayerError(f"{where} was asked {len(asks)} things and returned {len(replies)} replies")
    return [check_reply(where, ask, reply) for ask, reply in zip(asks, replies, strict=True)]


def check_reply(where: str, ask: Ask, reply: Any) -> Reply:
    """One reply, tidied; raises PlayerError, which names the player by ``where``, for one that can't be."""
    try:
        return ask.checked(reply.reply if isinstance(reply, Answer) else reply)
    except (TypeError, ValueError) as error:
        raise PlayerError(f"{where}: {error}") from None
