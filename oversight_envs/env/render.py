"""An episode as plain text, for people: what ``render`` prints."""

from __future__ import annotations

from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.record import Record
from oversight_envs.core.speech import Statement


def describe(episode: Episode, record: Record | None = None) -> str:
    """Question, what was said so far and, when the game is over, how it was decided.

    A spectator may be one of the players, so this shows what all of them may know. What is being said at this very turn
    enters when all who speak at once have spoken; passage and truth are not shown while the game goes on, and private
    notes never are: records and reports have them.
    """
    question = episode.question
    lines = [f"{episode.protocol.name}: {_indented(question.text)}"]
    lines += [f"  ({index + 1}) {_indented(option)}" for index, option in enumerate(question.options)]
    for statement in episode.transcript:
        lines += ["", statement.role, f"  {_indented(statement.text)}"]
        lines += [f"  ({note})" for note in flags(statement)]
    for ask in episode.asks[:1]:
        lines += ["", f"next: {ask.role}"]
    return "\n".join(lines + (["", *verdict_lines(record)] if record else []))


def verdict_lines(record: Record) -> list[str]:
    """How the game was decided, one fact a line."""
    if record.ended_without_result:
        return [f"no result: {record.ended_without_result}"]
    lines = []
    for decision in record.decisions:
        if len(record.decisions) > 1:
            lines.append(f"{decision.role} decides:")
        for option, p in enumerate(decision.verdict.probabilities):
            mark = " (right)" if record.question.truth == option else ""
            lines.append(f"{p:6.1%}  {_indented(record.question.options[option])}{mark}")
    for scored in record.scores:
        answer = record.answers.get(scored.author)
        mark = {True: "right", False: "wrong", None: "truth unknown"}[record.correct.get(scored.author)]
        lines.append(
            f"V = {scored.value:+.2f}  {scored.author}: {'no answer' if answer is None else _indented(answer)} ({mark})"
        )
    lines += [f"reward of {role}: {value:+.3f}" for role, value in record.rewards.items()]
    return lines


def _indented(text: str) -> str:
    """A text that others wrote: no line of it but the first, which has something before it, begins at the margin."""
    return clean_text(text).replace("\n", "\n  ")


def flags(statement: Statement) -> list[str]:
    """What is worth saying about a statement: cut, empty, a label named, quotes that are not in the passage."""
    notes = []
    if statement.cut:
        notes.append("cut at the word limit")
    if not statement.text.strip():
        notes.append("says nothing")
    if statement.names_label:
        notes.append("names an answer by its letter")
    if unverified := sum(not quote.verified for quote in statement.quotes):
        notes.append(f"{unverified} of {len(statement.quotes)} quotes not in the passage")
    return notes
