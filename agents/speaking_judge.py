"""A judge that may ask: one player puts the questions, another decides."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from oversight_envs.core.players import Consult, describe_player
from oversight_envs.core.requests import Ask, Turn
from oversight_envs.judges.functions import as_judge


@dataclass(frozen=True)
class SpeakingJudge:
    """Speaks by ``speaker`` and decides by ``judge``, for games in which the judge asks (``judge_asks=True``)."""

    speaker: Any
    judge: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "judge", as_judge(self.judge))

    def answer(self, ask: Ask) -> Generator[Consult, list[Any], Any]:
        (reply,) = yield Consult(self.speaker if isinstance(ask, Turn) else self.judge, [ask])
        return reply

    @property
    def description(self) -> dict[str, Any]:
        asks, decides = describe_player(self.speaker), describe_player(self.judge)
        return {"type": "speaking_judge", "asks": asks, "decides": decides}
