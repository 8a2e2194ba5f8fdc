"""A record as JSON values and back.

Every text stands once. What a prompt shows of the passage or of a speech is stored as a slice of it, ``[source, start,
end]``, where the source is -1 for the passage and else the index of the entry that the speech is the reply of; and of
prompts that begin alike each message is stored once. So a line's length is about that of the words that were said,
whatever the game shows to whom, and nothing is rendered anew when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from oversight_envs.core.episode import Entry
from oversight_envs.core.prompt import Message
from oversight_envs.core.protocol import Outcome
from oversight_envs.core.question import Question
from oversight_envs.core.quotes import MISQUOTES, SHORT, QuoteChecker, Segment, quoted_source
from oversight_envs.core.record_schema1 import upgrade
from oversight_envs.core.requests import KINDS, Assignment, Decision, Role, combine_views, scored
from oversight_envs.core.speech import Speech, Statement
from oversight_envs.core.usage import usage_from_json, usage_to_json

SCHEMA = 2

PASSAGE = -1
SHORTEST = 24
"""Characters of a slice that is worth naming in place of its text."""

Slice = tuple[int, int, int]
Text = str | list[Any]
"""A text, or a list of texts and slices."""


def as_json(value: Any) -> Any:
    """``value`` as it comes back from a file (JSON knows no tuples): what a stored configuration is compared with."""
    return json.loads(json.dumps(value))


def to_plain(record: Any) -> dict[str, Any]:
    """The record (a ``Record``, which is above this module) as JSON values."""
    sliced = _known_texts(record)
    messages: dict[tuple[Any, ...], int] = {}
    stored: list[dict[str, Any]] = []
    drawn = {entry.reply.token_ids: entry.index for entry in record.entries if _has_ids(entry.reply)}
    entries = []
    for entry in record.entries:
        prompt = []
        for message in entry.prompt:
            if message not in messages:
                messages[message] = len(stored)
                stored.append(_plain_message(message, sliced, drawn))
            prompt.append(messages[message])
        plain = {"index": entry.index, "role": entry.role, "duty": entry.duty, "prompt": prompt}
        plain["reply"] = None if entry.reply is None else KINDS[entry.duty].to_json(entry.reply)  # type: ignore[index]
        entries.append(plain | _present(rejected=entry.rejected, text=entry.text))
    return {
        "schema": SCHEMA,
        "protocol": record.protocol,
        "config": dict(record.config),
        "roles": {name: [role.kind, sorted(role.does), role.expert] for name, role in record.roles.items()},
        "question": {**asdict(record.question), "metadata": dict(record.question.metadata)},
        "seed": record.seed,
        "assigned": asdict(record.assigned),
        "messages": stored,
        "entries": entries,
        "transcript": [_plain_statement(statement, record) for statement in record.transcript],
        "decisions": [{"index": d.index, "orders": d.orders} for d in record.decisions],
        "scores": [{"index": score.index, "author": score.author} for score in record.scores],
        "outcome": None if record.outcome is None else _plain_outcome(record.outcome),
        "truncated": record.truncated,
        "failed": record.failed,
        "correct": dict(record.correct),
        "rewards": dict(record.rewards),
        "players": {role: dict(player) for role, player in record.players.items()},
        "task": record.task,
        "rule": record.rule,
        "group": record.group,
        "timings": dict(record.timings),
    } | ({"usage": usage_to_json(record.usage)} if record.usage else {})


def from_plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``Record``. Raises ValueError, KeyError or TypeError for what ``to_plain`` did not write."""
    schema = data["schema"]
    if schema == 1:
        data = upgrade(data)
    elif schema != SCHEMA:
        raise ValueError(f"record schema {schema}; this version reads schemas 1 to {SCHEMA}")
    question = Question(**{**data["question"], "options": tuple(data["question"]["options"])})
    replies: dict[int, Any] = {
        e["index"]: None if e["reply"] is None else KINDS[e["duty"]].from_json(e["reply"]) for e in data["entries"]
    }
    texts = {index: reply.text for index, reply in replies.items() if isinstance(reply, Speech)}
    texts[PASSAGE] = question.passage
    messages = [_message(message, texts, replies) for message in data["messages"]]
    entries = tuple(
        Entry(
            index=entry["index"],
            role=entry["role"],
            duty=entry["duty"],
            prompt=tuple([messages[number] for number in entry["prompt"]]),
            reply=replies[entry["index"]],
            rejected=tuple(entry.get("rejected", ())),
            text=entry.get("text"),
        )
        for entry in data["entries"]
    )
    roles = {entry.index: entry.role for entry in entries}
    return {
        "protocol": data["protocol"],
        "config": {key: tuple(v) if isinstance(v, list) else v for key, v in data["config"].items()},
        "roles": {name: Role(kind, tuple(does), expert) for name, (kind, does, expert) in data["roles"].items()},
        "question": question,
        "seed": data["seed"],
        "assigned": _assignment(data["assigned"], question),
        "entries": entries,
        "transcript": tuple(_statement(s, texts, replies, question.passage) for s in data["transcript"]),
        "decisions": tuple(_decision(d, roles, replies) for d in data["decisions"]),
        "scores": tuple(
            scored(roles[s["index"]], s["index"], s["author"], replies[s["index"]]) for s in data["scores"]
        ),
        "outcome": None if data["outcome"] is None else Outcome(**data["outcome"]),
        "usage": usage_from_json(data.get("usage", {})),
        **{name: data[name] for name in _AS_THEY_ARE},
    }


_AS_THEY_ARE = ("truncated", "failed", "correct", "rewards", "players", "task", "rule", "group", "timings")


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, (), False, "")}


def _plain_outcome(outcome: Outcome) -> dict[str, Any]:
    return {"answers": dict(outcome.answers)} | ({"sides": dict(outcome.sides)} if outcome.sides else {})


def _has_ids(reply: Any) -> bool:
    return isinstance(reply, Speech) and bool(reply.token_ids)


def _known_texts(record: Any) -> list[tuple[str, Slice]]:
    """Texts that prompts may show, the longest first: the passage, speeches, and their lines and segments."""
    found: dict[str, Slice] = {}
    passage = record.question.passage

    def add(source: int, whole: str, part: str) -> None:
        if len(part) >= SHORTEST and part not in found and (start := whole.find(part)) >= 0:
            found[part] = (source, start, start + len(part))

    add(PASSAGE, passage, passage)
    for entry in record.entries:
        if isinstance(entry.reply, Speech):
            for part in (entry.reply.text, *entry.reply.text.split("\n")):
                add(entry.index, entry.reply.text, part)
    said = {entry.index: entry.reply.text for entry in record.entries if isinstance(entry.reply, Speech)}
    for statement in record.transcript:
        for segment in statement.segments:
            for part in (segment.text, *segment.text.split("\n")):
                add(statement.index, said[statement.index], part)
            add(PASSAGE, passage, segment.source)
    return sorted(found.items(), key=lambda item: -len(item[0]))


def _plain_message(message: Message, sliced: Sequence[tuple[str, Slice]], drawn: Mapping[Any, int]) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": message.role, "content": _compress(message.content, sliced)}
    if message.token_ids:
        # the ids of a speech stand with the speech
        plain["token_ids"] = drawn.get(message.token_ids, message.token_ids)
    return plain


def _compress(text: str, sliced: Iterable[tuple[str, Slice]]) -> Text:
    parts: list[Any] = [text]
    for known, place in sliced:
        if known not in text:
            continue
        for number in range(len(parts) - 1, -1, -1):
            if isinstance(parts[number], str) and known in parts[number]:
                pieces = parts[number].split(known)
                between = [p for piece in pieces for p in (piece, place)][:-1]
                parts[number : number + 1] = [piece for piece in between if piece != ""]
    return text if parts == [text] else parts


def _expand(text: Text, texts: Mapping[int, str]) -> str:
    if isinstance(text, str):
        return text
    return "".join([part if isinstance(part, str) else texts[part[0]][part[1] : part[2]] for part in text])


def _message(plain: Mapping[str, Any], texts: Mapping[int, str], replies: Mapping[int, Any]) -> Message:
    ids = plain.get("token_ids", ())
    ids = replies[ids].token_ids if isinstance(ids, int) else tuple(ids)
    return Message(plain["role"], _expand(plain["content"], texts), ids)


def _plain_statement(statement: Statement, record: Any) -> dict[str, Any]:
    """Texts as slices of the speech; the segments one after the other, each found behind the one before it."""
    said = next(e.reply.text for e in record.entries if e.index == statement.index and isinstance(e.reply, Speech))

    def part(text: str, start: int = 0) -> Text:
        place = said.find(text, start)
        return text if place < 0 or len(text) < SHORTEST else [(statement.index, place, place + len(text))]

    segments = []
    done = 0
    for segment in statement.segments:
        text = part(segment.text, done)
        done = max(done, said.find(segment.text, done))
        segments.append([text, *segment.findings])
    return {
        "index": statement.index,
        "role": statement.role,
        "turn": statement.turn,
        "spoken": part(statement.spoken),
        "segments": segments,
    } | _present(
        private=part(statement.scratchpad),
        cut=statement.cut,
        token_ids=bool(statement.token_ids),
        thinking=part(statement.thinking),
    )


def _statement(
    plain: Mapping[str, Any], texts: Mapping[int, str], replies: Mapping[int, Any], passage: str
) -> Statement:
    segments: list[Segment] = []
    spoken, speech = _expand(plain["spoken"], texts), replies[plain["index"]]
    done = 0
    for written, *findings in plain["segments"]:
        text = _expand(written, texts)
        place = spoken.find(text, done)
        if place < 0 or spoken not in speech.text:
            raise ValueError(
                f"{plain['role']} is said to have said {text!r:.80}, and its speech has no such words here"
            )
        done = place + len(text)
        quoted = bool(findings) and findings[0] != MISQUOTES
        found = tuple((int(start), int(end)) for start, end in findings[0]) if quoted else ()
        if any(not 0 <= start < end <= len(passage) for start, end in found):
            raise ValueError(f"a quote stands at {found}, outside of the passage's {len(passage)} characters")
        source, short, misquotes = quoted_source(passage, found), SHORT in findings, MISQUOTES in findings
        if found and any(part.quoted and part.state == "absent" for part in QuoteChecker(source).look_up(text)):
            raise ValueError(f"{text!r:.80} is said to stand in the passage at {found}, where {source!r:.80} stands")
        segments.append(Segment(text, quoted, found, source, short, misquotes))
    return Statement(
        role=plain["role"],
        turn=plain["turn"],
        index=plain["index"],
        scratchpad=_expand(plain.get("private", ""), texts),
        spoken=spoken,
        segments=tuple(segments),
        cut=plain.get("cut", False),
        token_ids=speech.token_ids if plain.get("token_ids") else (),
        thinking=_expand(plain.get("thinking", ""), texts),
    )


def _assignment(plain: Mapping[str, Any], question: Question) -> Assignment:
    for role, side in plain["sides"].items():
        if isinstance(side, bool) or not isinstance(side, int) or not 0 <= side < len(question.options):
            raise ValueError(f"{role} argues for option {side!r} of {len(question.options)}")
    return Assignment(plain["sides"], plain["honest"], tuple(plain["order"]))


def _decision(plain: Mapping[str, Any], roles: Mapping[int, str], replies: Mapping[int, Any]) -> Decision:
    first, orders = plain["index"], [tuple(order) for order in plain["orders"]]
    verdicts = [replies[first + place] for place in range(len(orders))]
    return combine_views(roles[first], first, verdicts, orders)
