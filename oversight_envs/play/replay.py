"""What a record says was done, done again: by a player, and by a task that marks answers as they were marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from oversight_envs.core.episode import Entry
from oversight_envs.core.players import CannotPlay, PlayerError, Unanswerable
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Ask, Case, Solution, Turn
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict

T = TypeVar("T")


class ReplayAgent:
    """Speaks, decides and scores as recorded, by question, seed and place in the log; raises where there is no record.

    With it as the debaters and a new judge, a saved debate is judged again (see ``rejudge``). Where the record is of an
    episode that ended without a result, what it lacks is why: the episode ends for the same reason again.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._entries: dict[tuple[str, int, int], Entry] = {}
        self._ends: dict[tuple[str, int], tuple[type[PlayerError], str]] = {}
        """What to raise where the record has no more, and why it ended."""
        for record in records:
            if record.truncated is not None:
                end: tuple[type[PlayerError], str] = Unanswerable, f"it ended there, {record.truncated}"
            elif record.failed is not None:
                end = PlayerError, f"it ended there, {record.failed}"
            elif record.outcome is not None:
                end = CannotPlay, "it was over there, so this is another game; leave the options that decide who speaks"
            else:
                end = PlayerError, "it was not over"
            self._ends[record.question.id, record.seed] = end
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
            lacks = (
                f"no record of what {ask.role} did as entry {ask.index} of question {ask.question_id!r}, "
                f"seed {ask.episode_seed}"
            )
            error, why = self._ends.get((ask.question_id, ask.episode_seed), (PlayerError, "there is no such record"))
            raise error(f"{lacks}: {why}")
        return entry.reply

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "replay"}


class RecordedTask(Task):
    """The questions of records, for whoever has no more of their task than those. Marks answers as they were marked."""

    checkable = True

    def __init__(self, records: Iterable[Record]) -> None:
        records = list(records)
        names = sorted({record.task for record in records})
        if len(names) != 1:
            raise ValueError(f"records of {len(names)} tasks ({', '.join(names)}): give those of one")
        self._full_name = names[0]
        self.name, _, self.split = self._full_name.rpartition("/")
        self._questions = list({record.question.id: record.question for record in records}.values())
        self._marks = {
            (record.question.id, answer): record.correct[role]
            for record in records
            for role, answer in record.answers.items()
            if role in record.correct
        }

    @property
    def full_name(self) -> str:
        return self._full_name

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, index: int) -> Question:
        return self._questions[index]

    def check(self, question: Question, answer: str | None) -> bool:
        if (question.id, answer) not in self._marks:
            raise ValueError(
                f"whether {answer!r:.80} is right as an answer to question {question.id!r} is not in the records: give "
                f"the task itself ({self.name})"
            )
        return self._marks[question.id, answer]
