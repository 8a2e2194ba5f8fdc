"""Records as what a page shows: plain values, nothing rendered. What players wrote stays untouched text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from oversight_envs.core.quotes import Segment, Span
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS, Decision
from oversight_envs.core.speech import Statement
from oversight_envs.core.words import count_words
from oversight_envs.env.render import flags, written
from oversight_envs.evaluation.decisions import first_bias
from oversight_envs.evaluation.rows import player_name
from oversight_envs.evaluation.speeches import as_given, kind
from oversight_envs.evaluation.statistics import by_question
from oversight_envs.protocols import explained
from oversight_envs.report.elements import Slice

CONTEXT = 90
"""Characters of the passage shown on each side of a quote."""

SURE = 0.9
"""From this probability of the answer that it prefers, a judge is called sure."""

TONES = {"honest": "honest", "helpful": "honest", "dishonest": "dishonest", "sneaky": "dishonest"}


@dataclass(frozen=True, slots=True)
class TextRun:
    """A run of text: prose, a quote (``verified``, ``unverified``, ``short``), or a marked part of a passage.

    ``hint`` is a tooltip, in parts. A verified quote is in the passage's words, as the judge read it.
    """

    text: str
    style: str = ""
    hint: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something kept beside a verdict or a score: a member of a panel, thoughts, votes."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """One speech. ``tone`` is honest, dishonest or neutral and gives its colour."""

    who: str
    tone: str
    turn: int
    claim: str
    explained: str
    """What it says in the game's terms, where its words alone don't tell."""
    runs: tuple[TextRun, ...]
    private: str
    flags: tuple[str, ...]
    score: float | None = None
    belief: float | None = None
    answer: str | None = None
    right: bool | None = None
    notes: tuple[Note, ...] = ()
    """Kept beside the score."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One answer, the judge's probability of it, the letter it had, and whether it is right (None: unknown)."""

    label: str
    option: str
    probability: float
    right: bool | None


@dataclass(frozen=True, slots=True)
class Judgment:
    """One decision: who decided, each answer's probability, and what was kept beside it."""

    who: str
    bars: tuple[Bar, ...]
    notes: tuple[Note, ...] = ()


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
    sure: float | None = None
    """Probability of the answer that the judge prefers; of several scores the surest's."""
    believed: float | None = None
    """Probability that the judge gave to what is right; of several scores the one furthest from it."""
    verified: int = 0
    absent: int = 0
    """Quotes that stand in the passage and count, and those that do not stand there."""
    words: int = 0
    """Of all speeches."""


def page(record: Record, others: Mapping[str, Mapping[str, float]] | None = None) -> Page:
    """One record as a page. ``others``: condition -> question id -> probability of the right answer."""
    question, decision = record.question, record.decision
    truth = question.options[question.truth] if isinstance(question.truth, int) else question.truth
    cut = question.metadata.get("passage_cut")
    quotes = [quote.state for statement in record.transcript for quote in statement.quotes]
    sure, believed = _belief(record)
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
        sure=sure,
        believed=believed,
        verified=quotes.count("verified"),
        absent=quotes.count("absent"),
        words=sum(count_words(statement.text) for statement in record.transcript),
    )


def truth_probabilities(records: Sequence[Record]) -> dict[str, float]:
    """Question id -> the probability that the judge gave to its right answer, the mean of its games."""
    found = []
    for record in records:
        decision, truth = record.decision, record.question.truth
        if record.outcome is not None and decision is not None and isinstance(truth, int):
            found.append((record.question.id, decision.verdict.probabilities[truth]))
    return {str(key): value for key, value in by_question(found).items()}


def _belief(record: Record) -> tuple[float | None, float | None]:
    """How sure whoever decided was, and the probability given to what is right; None where there is no such thing."""
    decision, truth = record.decision, record.question.truth
    if decision is not None:
        probabilities = decision.verdict.probabilities
        return max(probabilities), probabilities[truth] if isinstance(truth, int) else None
    beliefs = [(probability(scored.value), record.correct.get(scored.author)) for scored in record.scores]
    given = [belief if right else 1 - belief for belief, right in beliefs if right is not None]
    return max((max(b, 1 - b) for b, _ in beliefs), default=None), min(given, default=None)


def probability(score: float) -> float:
    """That of log-odds."""
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, score))))


def _steps(record: Record) -> Iterator[Step]:
    """Turns and decisions by their place in the log."""
    told = zip(record.transcript, explained(record), strict=True)
    turns = [tuple(turn) for _, turn in groupby(told, lambda pair: pair[0].turn)]
    steps = [(turn[0][0].index, Step(bubbles=tuple(_bubble(record, *pair) for pair in turn))) for turn in turns]
    steps += [
        (d.index, Step(judgment=Judgment(d.role, _bars(record, d), tuple(_kept(record, d))))) for d in record.decisions
    ]
    return (step for _, step in sorted(steps, key=lambda step: step[0]))


def _bubble(record: Record, statement: Statement, told: str) -> Bubble:
    role = statement.role
    side = record.assigned.sides.get(role)
    last = statement is next(said for said in reversed(record.transcript) if said.role == role)
    score = next((scored for scored in record.scores if last and scored.author == role), None)
    info = as_given(record, statement).info
    reasoning = info.get("reasoning")
    notes = [statement.notes, reasoning if isinstance(reasoning, str) else ""]
    return Bubble(
        who=role,
        tone=TONES.get(kind(record, role), "neutral"),
        turn=statement.turn,
        claim="" if side is None else record.question.options[side],
        explained=told,
        runs=tuple(_run(segment, record.question.passage) for segment in statement.segments),
        private="\n\n".join(filter(None, notes)),
        flags=tuple(flags(statement, info)),
        score=None if score is None else score.value,
        belief=None if score is None else probability(score.value),
        answer=record.answers.get(role),
        right=record.correct.get(role),
        notes=() if score is None else tuple(_told(record, score.role, score.info, ("right", "wrong"))),
    )


def _kept(record: Record, decision: Decision) -> Iterator[Note]:
    """What was kept beside a decision, view by view."""
    for number, (view, order) in enumerate(zip(decision.views, decision.orders, strict=True), start=1):
        read = f"order {number}, " if len(decision.views) > 1 else ""
        yield from _told(record, decision.role, view.info, [record.question.options[o] for o in order], read)


def _told(
    record: Record, role: str, info: Mapping[str, Any], answers: Sequence[str], before: str = ""
) -> Iterator[Note]:
    """``Verdict.info`` or ``Mark.info`` in words; ``answers`` in the order in which the judge read them."""
    players = record.players.get(role, {}).get("members")
    for key, value in info.items():
        if key == "members" and isinstance(value, list):
            for place, member in enumerate(value):
                player = players[place] if isinstance(players, list | tuple) and place < len(players) else None
                name = player_name(player) if isinstance(player, Mapping) else None
                title = f"{before}member {place + 1}" + (f" ({name})" if name else "")
                yield Note(title, _answered(member, answers))
                inner = member.get("info") if isinstance(member, Mapping) else None
                if isinstance(inner, Mapping):
                    yield from _told(record, "", inner, answers, f"{title}, ")
        elif key == "votes" and isinstance(value, list) and len(value) == len(answers):
            yield Note(before + key, "\n".join(f"{n:g} for {answer}" for n, answer in zip(value, answers, strict=True)))
        else:
            yield Note(before + key, value if isinstance(value, str) else _as_text(value))


def _answered(member: Any, answers: Sequence[str]) -> str:
    """A panel member's answer: each option's probability, or V. As it is stored where it is neither."""
    value = member.get("verdict", member.get("score")) if isinstance(member, Mapping) else member
    if isinstance(value, int | float):
        return f"V = {value:+.2f}"
    given = value if isinstance(value, list | tuple) else ()
    if len(given) == len(answers) and all(isinstance(p, int | float) for p in given):
        return "\n".join(f"{math.exp(min(0.0, p)):.0%} {answer}" for p, answer in zip(given, answers, strict=True))
    return _as_text(member)


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _run(segment: Segment, passage: str) -> TextRun:
    if not segment.quoted:
        return TextRun(written(segment.text))
    if segment.state == "absent":
        return TextRun(written(segment.text), "unverified", ("Not in the passage.",))
    where: tuple[str, ...] = ("In the passage: ", *_contexts(passage, segment.spans)) if segment.spans else ()
    if segment.short:
        return TextRun(written(segment.text), "short", ("Too short to count. ", *where))
    return TextRun(segment.source, "verified", where)


def _contexts(passage: str, spans: Sequence[Span]) -> Iterator[str]:
    for number, (first, last) in enumerate(spans):
        start, end = max(0, first - CONTEXT), min(len(passage), last + CONTEXT)
        yield (" […] " if number else "") + ("…" if start else "")
        yield Slice(passage, start, end)
        yield "…" if end < len(passage) else ""


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
    if record.ended_without_result:
        yield "truncated"
    elif decision is not None:
        yield _verdict(record, decision)
    sure, _ = _belief(record)
    if sure is not None and sure >= SURE:
        yield "sure"
    if any(scored.value > 0 and record.correct.get(scored.author) is False for scored in record.scores):
        yield "believed"
    states = {quote.state for statement in record.transcript for quote in statement.quotes}
    if "verified" in states:
        yield "verified"
    if "absent" in states:
        yield "unverified"
    if any(statement.cut for statement in record.transcript):
        yield "cut"
    if any(as_given(record, statement).info.get("finished") is False for statement in record.transcript):
        yield "unfinished"


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
        hint: tuple[str, ...] = ("quoted by " + " and ".join(sorted({role for role, _ in over})),) if over else ()
        runs.append(TextRun(Slice(passage, start, end), style, hint))
    return tuple(runs)
