"""An episode as plain text, for people: what ``render`` prints."""

from __future__ import annotations

from oversight_envs.core.episode import Episode
from oversight_envs.core.protocol import Speech
from oversight_envs.core.record import Record
from oversight_envs.core.speech import Statement


def describe(episode: Episode, record: Record | None = None) -> str:
    """Question, what was said so far and, when the game is over, how it was decided."""
    question = episode.question
    lines = [f"{episode.protocol.name}: {question.text}"]
    lines += [f"  ({index + 1}) {option}" for index, option in enumerate(question.options)]
    for entry in episode.log:
        if isinstance(entry.reply, Speech):
            lines += ["", entry.role, *(f"  {line}" for line in entry.reply.text.splitlines())]
    for ask in episode.asks[:1]:
        lines += ["", f"next: {ask.role}"]
    return "\n".join(lines + (["", *verdict_lines(record)] if record else []))


def verdict_lines(record: Record) -> list[str]:
    """How the game was decided, one fact a line."""
    if record.truncated:
        return [f"no result: {record.truncated}"]
    lines = []
    outcome = record.outcome
    if outcome and outcome.decision:
        for option, p in zip(record.question.options, outcome.decision.verdict.probabilities, strict=True):
            mark = " (right)" if record.question.truth == record.question.options.index(option) else ""
            lines.append(f"{p:6.1%}  {option}{mark}")
    if outcome:
        for role, score in outcome.scores.items():
            answer = outcome.answers.get(role)
            mark = {True: "right", False: "wrong", None: "truth unknown"}[record.correct.get(role)]
            lines.append(f"V = {score:+.2f}  {role}: {'no answer' if answer is None else answer} ({mark})")
    lines += [f"reward of {role}: {value:+.3f}" for role, value in record.rewards.items()]
    return lines


def flags(statement: Statement) -> list[str]:
    """What is worth saying about a statement: cut, empty, a label named, quotes that are not in the passage."""
    notes = []
    if statement.cut:
        notes.append("cut at the word limit")
    if not statement.public.strip():
        notes.append("says nothing")
    if statement.names_label:
        notes.append("names an answer by its letter")
    if unverified := sum(not quote.verified for quote in statement.quotes):
        notes.append(f"{unverified} of {len(statement.quotes)} quotes not in the passage")
    return notes
