"""A player that does again what a record says was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from oversight_envs.core.episode import Entry
from oversight_envs.core.players import PlayerError
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Ask, Case, Solution, Turn
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict

T = TypeVar("T")


class ReplayAgent:
    """Speaks, decides and scores as recorded, by question, seed and place in the log; raises where there is no record.

    With it as the debaters and a new judge, a saved debate is judged again (see ``rejudge``).
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._entries: dict[tuple[str, int, int], Entry] = {}
        for record in records:
            for entry in record.entries:
                self._entries[record.question.id, record.seed, entry.index] = entry

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        return [self._find(turn, Speech) for turn in turns]

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [self._find(case, Verdict) for case in cases]

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        return [self._find(solution, float) for solution in solutions]

    def _find(self, ask: Ask, kind: type[T]) -> T:
        entry = self._entries.get((ask.question_id, ask.episode_seed, ask.index))
        if entry is None or entry.role != ask.role or not isinstance(entry.reply, kind):
            raise PlayerError(
                f"no record of what {ask.role} did as entry {ask.index} of question {ask.question_id!r}, "
                f"seed {ask.episode_seed}"
            )
        return entry.reply

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "replay"}
