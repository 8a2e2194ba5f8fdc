"""An episode as plain text, for people: what ``render`` prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.record import Record
from oversight_envs.core.speech import Speech, Statement
from oversight_envs.protocols.worded import inline

_TICKS = re.compile("[\u2705\u2611\u2713\u2714\u237b\U0001f5f8\U0001f5f9\U0001fbb1]|\u221a(?!\\s?[\\w({\\\\])")
_CROSSES = re.compile("[\u2612\u2715-\u2718\u274c\u274e\u2613\u2573\U0001f5f4-\U0001f5f7\U0001fbc0]")


def written(text: str) -> str:
    """What others wrote, as people are shown it beside our ✓ and ✗: without control characters, v and x for such marks.

    A root sign is a tick as well, unless a number or a bracket follows.
    """
    return clean_text(_CROSSES.sub("x", _TICKS.sub("v", text)))


def describe(episode: Episode, record: Record | None = None) -> str:
    """Question, what was said so far and, when the game is over, how it was decided.

    A spectator may be one of the players, so this shows what all of them may know. What is being said at this very turn
    enters when all who speak at once have spoken; passage and truth are not shown while the game goes on, and private
    notes never are: records and reports have them. Speeches stand as a judge reads them, quotes marked and every line
    behind ``> ``, so that nothing in one passes for ours.
    """
    question = episode.question
    lines = [f"{episode.protocol.name}: {inline(question.text)}"]
    lines += [f"  ({index + 1}) {inline(option)}" for index, option in enumerate(question.options)]
    for statement in episode.transcript:
        lines += ["", statement.role, statement.shown()]
        reply = episode.log[statement.index].reply
        lines += [f"  ({note})" for note in flags(statement, reply.info if isinstance(reply, Speech) else {})]
    for ask in episode.asks[:1]:
        lines += ["", f"next: {ask.role}"]
    return clean_text("\n".join(lines + (["", *verdict_lines(record)] if record else [])))


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
            lines.append(f"{p:6.1%}  {inline(record.question.options[option])}{mark}")
    for scored in record.scores:
        answer = record.answers.get(scored.author)
        mark = {True: "right", False: "wrong", None: "truth unknown"}[record.correct.get(scored.author)]
        lines.append(
            f"V = {scored.value:+.2f}  {scored.author}: {'no answer' if answer is None else inline(answer)} ({mark})"
        )
    lines += [f"reward of {role}: {value:+.3f}" for role, value in record.rewards.items()]
    return lines


def flags(statement: Statement, info: Mapping[str, Any] = MappingProxyType({})) -> list[str]:
    """What is worth saying about a statement: cut, empty, a label named, quotes that do not stand or count. ``info`` is
    what its speaker told about it."""
    notes = []
    if statement.cut:
        notes.append("cut at the word limit")
    if info.get("finished") is False:
        notes.append("cut at the token limit")
    if info.get("refused"):
        notes.append("the model refused")
    if not statement.text.strip():
        notes.append("says nothing")
    if statement.names_label:
        notes.append("names an answer by its letter")
    states = [quote.state for quote in statement.quotes]
    if absent := states.count("absent"):
        notes.append(f"{absent} of {len(states)} quotes not in the passage")
    if short := states.count("short"):
        notes.append(f"{short} of {len(states)} quotes too short to count")
    if any(segment.misquotes for segment in statement.segments):
        notes.append("puts in quotation marks what is not in the passage")
    return notes
