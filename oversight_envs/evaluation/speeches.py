"""What the players' speeches were like, by who gave them: quotes and how many of them stand in the passage, flags.

Who is who: ``honest`` and ``dishonest`` for sides (the right answer, a wrong one), the kind that the role declares for
those without a side (``helpful``, ``sneaky``, ``judge``), and the role's own name where the truth is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oversight_envs.core.record import Record
from oversight_envs.core.speech import Speech, Statement
from oversight_envs.core.words import count_words
from oversight_envs.evaluation.statistics import Estimate, mean, share


@dataclass(frozen=True, slots=True)
class Speeches:
    """What one kind of speaker's speeches were like."""

    count: int
    words: Estimate
    quotes: Estimate
    """Quotes a speech."""
    verified: Estimate
    """Share of the quotes that stand in the passage, those too short to count left out; undefined without any."""
    empty: Estimate
    """Share of speeches without a public word."""
    cut: Estimate
    """Share of speeches cut at the word limit."""
    unfinished: Estimate
    """Share of speeches that the token limit cut off, of those whose speaker says; undefined where none does."""
    names_label: Estimate
    """Share of speeches that name an answer by its letter, though told not to."""


def speeches(records: Sequence[Record]) -> Mapping[str, Speeches]:
    """The metrics of the speeches, by kind of speaker."""
    said: dict[str, list[tuple[str, Statement]]] = defaultdict(list)
    finished: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for record in records:
        for statement in record.transcript:
            who = kind(record, statement.role)
            said[who].append((record.question.id, statement))
            if isinstance(end := as_given(record, statement).info.get("finished"), bool):
                finished[who].append((record.question.id, end))
    return {
        who: Speeches(
            count=len(given),
            words=mean((key, count_words(s.text)) for key, s in given),
            quotes=mean((key, len(s.quotes)) for key, s in given),
            verified=share((key, float(q.verified)) for key, s in given for q in s.quotes if not q.short),
            empty=share((key, float(not s.text.strip())) for key, s in given),
            cut=share((key, float(s.cut)) for key, s in given),
            unfinished=share((key, float(not end)) for key, end in finished[who]),
            names_label=share((key, float(s.names_label)) for key, s in given),
        )
        for who, given in sorted(said.items())
    }


def as_given(record: Record, statement: Statement) -> Speech:
    """The speech that became the statement, as its speaker gave it."""
    return next(
        (entry.reply for entry in record.entries if entry.index == statement.index and isinstance(entry.reply, Speech)),
        Speech(statement.spoken),
    )


def kind(record: Record, role: str) -> str:
    """What kind of speaker a role was in this episode."""
    side = record.assigned.sides.get(role)
    if side is None:
        return record.roles[role].kind
    return role if record.question.truth is None else "honest" if side == record.question.truth else "dishonest"
