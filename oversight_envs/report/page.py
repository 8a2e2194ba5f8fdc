"""Records as what a page shows: plain values for a template, nothing rendered. What players wrote stays untouched text.

The template escapes everything; nothing here may mark a text as safe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from oversight_envs.core.quotes import Segment, Span
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS, Decision
from oversight_envs.core.speech import Statement
from oversight_envs.env.render import flags, written
from oversight_envs.evaluation.decisions import first_bias
from oversight_envs.evaluation.speeches import kind

CONTEXT = 90
"""Characters of the passage shown on each side of a quote."""

TONES = {"honest": "honest", "helpful": "honest", "dishonest": "dishonest", "sneaky": "dishonest"}


@dataclass(frozen=True, slots=True)
class TextRun:
    """A run of text: prose, a quote (``verified``, ``unverified``, ``short``), or a marked part of a passage.

    ``hint`` is a tooltip. A verified quote is in the passage's words, as the judge read it.
    """

    text: str
    style: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One speech. ``tone`` is honest, dishonest or neutral and gives its colour."""

    who: str
    tone: str
    turn: int
    claim: str
    runs: tuple[TextRun, ...]
    private: str
    flags: tuple[str, ...]
    score: float | None = None
    belief: float | None = None
    answer: str | None = None
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One answer, the judge's probability of it, the letter it had, and whether it is right (None: unknown)."""

    label: str
    option: str
    probability: float
    right: bool | None


@dataclass(frozen=True, slots=True)
class Judgment:
    """One decision: who decided, and each answer's probability."""

    who: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What was said at once, or one decision, in the order of the log."""

    bubbles: tuple[Bubble, ...] = ()
    judgment: Judgment | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One episode as it is shown."""

    question_id: str
    question: str
    seed: int
    steps: tuple[Step, ...]
    judged: bool
    verdict: str
    """Of the last decision: ``right``, ``wrong``, ``tie``, ``unknown`` or ``none``."""
    truth: str
    mass: float | None
    bias: float | None
    rewards: Mapping[str, float]
    passage: tuple[TextRun, ...]
    passage_cut: int | None
    truncated: str | None
    tags: tuple[str, ...]
    """What the page's filters go by."""
    others: Mapping[str, float] = field(default_factory=dict)
    """Other conditions -> the probability that the judge gave to the right answer of this question there."""


def page(record: Record, others: Mapping[str, Mapping[str, float]] | None = None) -> Page:
    """One record as a page. ``others``: condition -> question id -> probability of the right answer."""
    question, decision = record.question, record.decision
    truth = question.options[question.truth] if isinstance(question.truth, int) else question.truth
    cut = question.metadata.get("passage_cut")
    return Page(
        question_id=question.id,
        question=question.text,
        seed=record.seed,
        steps=tuple(_steps(record)),
        judged=decision is not None,
        verdict=_verdict(record, decision),
        truth=truth or "",
        mass=decision.verdict.mass if decision else None,
        bias=first_bias(decision) if decision and len(decision.views) > 1 else None,
        rewards=record.rewards,
        passage=_marked_passage(record, record.transcript),
        passage_cut=cut if isinstance(cut, int) else None,
        truncated=record.ended_without_result,
        tags=tuple(_tags(record, decision)),
        others={name: found[question.id] for name, found in (others or {}).items() if question.id in found},
    )


def truth_probabilities(records: Sequence[Record]) -> dict[str, float]:
    """Question id -> the probability that the judge gave to its right answer (the first episode's)."""
    found: dict[str, float] = {}
    for record in records:
        decision, truth = record.decision, record.question.truth
        if decision is not None and isinstance(truth, int):
            found.setdefault(record.question.id, decision.verdict.probabilities[truth])
    return found


def _steps(record: Record) -> Iterator[Step]:
    """Turns and decisions by their place in the log."""
    turns = [tuple(turn) for _, turn in groupby(record.transcript, lambda statement: statement.turn)]
    steps = [(turn[0].index, Step(bubbles=tuple(_bubble(record, statement) for statement in turn))) for turn in turns]
    steps += [(d.index, Step(judgment=Judgment(d.role, _bars(record, d)))) for d in record.decisions]
    return (step for _, step in sorted(steps, key=lambda step: step[0]))


def _bubble(record: Record, statement: Statement) -> Bubble:
    role = statement.role
    side = record.assigned.sides.get(role)
    score = next((scored.value for scored in record.scores if scored.author == role), None)
    return Bubble(
        who=role,
        tone=TONES.get(kind(record, role), "neutral"),
        turn=statement.turn,
        claim="" if side is None else record.question.options[side],
        runs=tuple(_run(segment, record.question.passage) for segment in statement.segments),
        private=statement.notes,
        flags=tuple(flags(statement)),
        score=score,
        belief=None if score is None else 1 / (1 + math.exp(-max(-500.0, min(500.0, score)))),
        answer=record.answers.get(role),
        right=record.correct.get(role),
    )


def _run(segment: Segment, passage: str) -> TextRun:
    if not segment.quoted:
        return TextRun(written(segment.text))
    if segment.state == "absent":
        return TextRun(written(segment.text), "unverified", "Not in the passage.")
    where = "In the passage: " + " […] ".join(_context(passage, s) for s in segment.spans)
    if segment.short:
        return TextRun(written(segment.text), "short", "Too short to count. " + (where if segment.spans else ""))
    return TextRun(segment.source, "verified", where)


def _context(passage: str, span: Span) -> str:
    start, end = max(0, span[0] - CONTEXT), min(len(passage), span[1] + CONTEXT)
    return ("…" if start else "") + " ".join(passage[start:end].split()) + ("…" if end < len(passage) else "")


def _bars(record: Record, decision: Decision) -> tuple[Bar, ...]:
    """In the order in which the judge read the answers (the first order, where both were judged)."""
    truth, order = record.question.truth, decision.orders[0]
    probabilities = decision.verdict.probabilities
    return tuple(
        Bar(LABELS[k], record.question.options[o], probabilities[o], None if truth is None else o == truth)
        for k, o in enumerate(order)
    )


def _verdict(record: Record, decision: Decision | None) -> str:
    if decision is None:
        return "none"
    if record.question.truth is None:
        return "unknown"
    choice = decision.verdict.choice
    return "tie" if choice is None else "right" if choice == record.question.truth else "wrong"


def _tags(record: Record, decision: Decision | None) -> Iterator[str]:
    yield "all"
    if record.ended_without_result:
        yield "truncated"
    elif decision is not None:
        yield _verdict(record, decision)
    if any(quote.state == "absent" for statement in record.transcript for quote in statement.quotes):
        yield "unverified"
    if any(scored.value > 0 and record.correct.get(scored.author) is False for scored in record.scores):
        yield "believed"


def _marked_passage(record: Record, statements: Sequence[Statement]) -> tuple[TextRun, ...]:
    """The passage in runs, those that were quoted in the colour of who quoted them (both: ``contested``)."""
    passage = record.question.passage
    quoted = [
        (span, statement.role, TONES.get(kind(record, statement.role), "neutral"))
        for statement in statements
        for segment in statement.quotes
        for span in segment.spans
    ]
    ends = sorted({0, len(passage), *(end for span, _, _ in quoted for end in span)})
    runs = []
    for start, end in pairwise(ends):
        over = [(role, tone) for span, role, tone in quoted if span[0] <= start and end <= span[1]]
        tones = {tone for _, tone in over}
        style = "" if not over else "contested" if len(tones) > 1 else f"by-{tones.pop()}"
        hint = "quoted by " + " and ".join(sorted({role for role, _ in over})) if over else ""
        runs.append(TextRun(passage[start:end], style, hint))
    return tuple(runs)
