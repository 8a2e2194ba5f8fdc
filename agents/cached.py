"""A player that is asked each thing only once; for players that do not change meanwhile."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from typing import Any

from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.core.players import Consult, describe_player
from oversight_envs.core.requests import Ask, Turn


class CachedPlayer:
    """Keeps what ``player`` answered: a turn by its prompt and random stream, a case or solution by its prompt."""

    def __init__(self, player: Any) -> None:
        self.player = player
        self._replies: dict[Hashable, Any] = {}

    def answer(self, ask: Ask) -> Generator[Consult, list[Any], Any]:
        key: Hashable = (ask.prompt, ask.seed) if isinstance(ask, Turn) else ask.prompt
        if key not in self._replies:
            (self._replies[key],) = yield Consult(self.player, [ask])
        return self._replies[key]

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: the player, without what was kept."""
        return fingerprint(self.player)

    @property
    def description(self) -> dict[str, Any]:
        return describe_player(self.player)
