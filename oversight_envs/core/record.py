"""The record of a finished episode: plain data, one JSON line, from which the episode can be replayed.

Reward rules, metrics and reports read records and nothing else, so what is true of a live episode is true of a log.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from oversight_envs.core.episode import Entry, Episode, Reply, correctness
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Decision, Outcome, Protocol, Speech, Verdict
from oversight_envs.core.question import Question, Task
from oversight_envs.core.quotes import Segment
from oversight_envs.core.speech import Statement

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One finished episode. ``players`` describes who filled each role; ``task`` is its name and split;
    ``rule`` is the name of the reward rule that ``rewards`` are by; ``group`` names the samples that a training
    batch compares with one another (same question, same group: see ``rewards.py``); ``timings`` are in seconds."""

    protocol: str
    config: Mapping[str, Any]
    question: Question
    seed: int
    entries: tuple[Entry, ...]
    outcome: Outcome | None
    truncated: str | None = None
    correct: Mapping[str, bool] = field(default_factory=dict)
    rewards: Mapping[str, float] = field(default_factory=dict)
    players: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    task: str = ""
    rule: str = ""
    group: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    def episode(self, protocol: Protocol, upto: int | None = None) -> Episode:
        """The episode again, replayed up to entry ``upto`` (all of it by default); no model is called.

        With ``upto`` at the first decision this is how a saved transcript is judged anew. Raises ReplayError if
        ``protocol`` is not the game that was recorded.
        """
        return Episode(protocol, self.question, self.seed, self.entries[:upto])

    def to_json(self) -> str:
        """One line of JSON. A message that contains the passage is stored in pieces around it, not in full."""
        return json.dumps(_plain(self), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Reads a line of ``to_json``. Raises ValueError for malformed lines and unknown schema versions."""
        try:
            data = json.loads(line)
            if (schema := data["schema"]) != SCHEMA:
                raise ValueError(f"record schema {schema}; this version reads schema {SCHEMA}")
            return _record(data)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"not an episode record: {type(error).__name__}: {error}") from error


def make_record(episode: Episode, task: Task, **about: Any) -> Record:
    """The record of a finished episode on a question of ``task``, which marks free-text answers.

    ``about`` are further fields of ``Record``. Rewards come after it: they are functions of records.
    """
    if not episode.done:
        raise ValueError("the episode is not over: it still asks " + ", ".join(ask.role for ask in episode.asks))
    outcome = episode.outcome
    return Record(
        protocol=episode.protocol.name,
        config=episode.protocol.config,
        question=episode.question,
        seed=episode.seed,
        entries=episode.log,
        outcome=outcome,
        truncated=episode.truncated,
        correct=correctness(episode.question, outcome, task.check) if outcome else {},
        task=task.full_name,
        **about,
    )


def as_json(value: Any) -> Any:
    """``value`` as it comes back from a file (JSON knows no tuples): what a stored configuration is compared with."""
    return json.loads(json.dumps(value))


def _plain(record: Record) -> dict[str, Any]:
    passage = record.question.passage
    outcome = record.outcome
    return {
        "schema": SCHEMA,
        "protocol": record.protocol,
        "config": dict(record.config),
        "question": {**asdict(record.question), "metadata": dict(record.question.metadata)},
        "seed": record.seed,
        "entries": [
            {
                "index": entry.index,
                "role": entry.role,
                "prompt": [
                    {
                        "role": m.role,
                        "content": m.content.split(passage) if passage and passage in m.content else m.content,
                        **({"token_ids": m.token_ids} if m.token_ids else {}),
                    }
                    for m in entry.prompt
                ],
                "reply": _plain_reply(entry.reply),
                "rejected": entry.rejected,
                "text": entry.text,
            }
            for entry in record.entries
        ],
        "outcome": None
        if outcome is None
        else {
            "transcript": [asdict(statement) for statement in outcome.transcript],
            "sides": dict(outcome.sides),
            "decision": asdict(outcome.decision) if outcome.decision else None,
            "scores": dict(outcome.scores),
            "answers": dict(outcome.answers),
        },
        "truncated": record.truncated,
        "correct": dict(record.correct),
        "rewards": dict(record.rewards),
        "players": {role: dict(player) for role, player in record.players.items()},
        "task": record.task,
        "rule": record.rule,
        "group": record.group,
        "timings": dict(record.timings),
    }


def _plain_reply(reply: Reply | None) -> dict[str, Any] | float | None:
    if isinstance(reply, Speech):
        plain: dict[str, Any] = {"text": reply.text}
        if reply.token_ids:
            plain |= {"token_ids": reply.token_ids, "log_probs": [_finite(p) for p in reply.log_probs]}
        return plain | ({"info": dict(reply.info)} if reply.info else {})
    if isinstance(reply, Verdict):
        return {"verdict": reply.log_probs, "mass": reply.mass}
    return reply


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -1e30  # JSON has no infinity


def _record(data: dict[str, Any]) -> Record:
    question = data["question"]
    passage = question["passage"]
    outcome = data["outcome"]
    return Record(
        protocol=data["protocol"],
        config={key: tuple(v) if isinstance(v, list) else v for key, v in data["config"].items()},
        question=Question(**{**question, "options": tuple(question["options"])}),
        seed=data["seed"],
        entries=tuple(
            Entry(
                index=entry["index"],
                role=entry["role"],
                prompt=_prompt(entry["prompt"], passage),
                reply=_reply(entry["reply"]),
                rejected=tuple(entry["rejected"]),
                text=entry["text"],
            )
            for entry in data["entries"]
        ),
        outcome=None
        if outcome is None
        else Outcome(
            transcript=tuple(_statement(statement) for statement in outcome["transcript"]),
            sides=outcome["sides"],
            decision=_decision(outcome["decision"]) if outcome["decision"] else None,
            scores=outcome["scores"],
            answers=outcome["answers"],
        ),
        truncated=data["truncated"],
        correct=data["correct"],
        rewards=data["rewards"],
        players=data["players"],
        task=data["task"],
        rule=data["rule"],
        group=data["group"],
        timings=data["timings"],
    )


def _prompt(messages: list[dict[str, Any]], passage: str) -> Prompt:
    return tuple(
        Message(
            m["role"],
            m["content"] if isinstance(m["content"], str) else passage.join(m["content"]),
            tuple(m.get("token_ids", ())),
        )
        for m in messages
    )


def _reply(data: dict[str, Any] | float | None) -> Reply | None:
    if not isinstance(data, dict):
        return data
    if "verdict" in data:
        return Verdict(tuple(data["verdict"]), data["mass"])
    ids, log_probs = tuple(data.get("token_ids", ())), tuple(data.get("log_probs", ()))
    return Speech(data["text"], ids, log_probs, data.get("info", {}))


def _verdict(data: dict[str, Any]) -> Verdict:
    return Verdict(tuple(data["log_probs"]), data["mass"])


def _decision(data: dict[str, Any]) -> Decision:
    views = tuple(_verdict(view) for view in data["views"])
    return Decision(_verdict(data["verdict"]), views, tuple(tuple(order) for order in data["orders"]))


def _statement(data: dict[str, Any]) -> Statement:
    segments = tuple(
        Segment(**{**segment, "spans": tuple(tuple(span) for span in segment["spans"])}) for segment in data["segments"]
    )
    return Statement(**{**data, "segments": segments, "token_ids": tuple(data["token_ids"])})
