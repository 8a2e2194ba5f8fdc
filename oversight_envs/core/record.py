"""The record of an episode: its log plus what the outside knows. Plain data, from which the episode can be replayed.

Reward rules, metrics and reports read records and nothing else, so what is true of a live episode is true of a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oversight_envs.core.episode import Entry, Episode, ended_episode
from oversight_envs.core.protocol import Outcome, Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record_json import from_plain, to_plain
from oversight_envs.core.requests import Assignment, Decision, Role, Scored
from oversight_envs.core.speech import Statement
from oversight_envs.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Record:
    """One episode, finished or not. ``players`` describes who filled each role; ``task`` is its name and split;
    ``rule`` is the name of the reward rule that ``rewards`` are by; ``group`` names the samples that a training
    batch compares with one another (same question, same group: see ``rewards.py``); ``timings`` are in seconds;
    ``usage`` is what models behind servers took for it, by role.

    ``outcome`` is None unless the game came to its end; ``truncated`` or ``failed`` says why it did not.
    """

    protocol: str
    config: Mapping[str, Any]
    roles: Mapping[str, Role]
    question: Question
    seed: int
    assigned: Assignment = field(default_factory=Assignment)
    entries: tuple[Entry, ...] = ()
    transcript: tuple[Statement, ...] = ()
    decisions: tuple[Decision, ...] = ()
    scores: tuple[Scored, ...] = ()
    outcome: Outcome | None = None
    truncated: str | None = None
    failed: str | None = None
    correct: Mapping[str, bool] = field(default_factory=dict)
    """Role -> whether what it argued for, or its final answer, is right. Empty where the truth is unknown."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    players: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    task: str = ""
    rule: str = ""
    group: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    usage: Usage = field(default_factory=dict)

    @property
    def answers(self) -> Mapping[str, str | None]:
        """Role -> the final answer that it gave to an open problem; None where none could be read."""
        return self.outcome.answers if self.outcome is not None else {}

    @property
    def decision(self) -> Decision | None:
        """The last decision: the one that a game with a single judgment comes to; None before any."""
        return self.decisions[-1] if self.decisions else None

    @property
    def ended_without_result(self) -> str | None:
        """Why the game has no outcome; None where it has one, or is not over."""
        return self.truncated or self.failed

    def episode(self, protocol: Protocol, upto: int | None = None) -> Episode:
        """The episode again, replayed up to entry ``upto`` (all of it by default); no model is called.

        Raises ReplayError if ``protocol`` is not the game that was recorded.
        """
        if upto is not None:
            return Episode(protocol, self.question, self.seed, self.entries[:upto])
        return ended_episode(protocol, self.question, self.seed, self.entries, self.truncated, self.failed)

    def to_json(self) -> str:
        """One line of JSON: see ``record_json.py``."""
        return json.dumps(to_plain(self), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Reads a line of ``to_json``, of this schema or an older one. Raises ValueError for anything else."""
        try:
            return cls(**from_plain(json.loads(line, parse_constant=_not_json)))
        except (KeyError, TypeError, AttributeError, IndexError, RecursionError, json.JSONDecodeError) as error:
            raise ValueError(f"not an episode record: {type(error).__name__}: {error}") from error


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def make_record(episode: Episode, task: Task, **about: Any) -> Record:
    """The record of an episode, finished or not, on a question of ``task``, which marks free-text answers.

    ``about`` are further fields of ``Record``. Rewards come after it: they are functions of records.
    """
    outcome, question = episode.outcome, episode.question
    correct: dict[str, bool] = {}
    if question.truth is not None and outcome is not None:
        correct = {role: side == question.truth for role, side in episode.assigned.sides.items()}
        correct |= {role: bool(task.check(question, answer)) for role, answer in outcome.answers.items()}
    return Record(
        protocol=episode.protocol.name,
        config=episode.protocol.config,
        roles=episode.protocol.roles,
        question=question,
        seed=episode.seed,
        assigned=episode.assigned,
        entries=episode.log,
        transcript=episode.transcript,
        decisions=episode.decisions,
        scores=episode.scores,
        outcome=outcome,
        truncated=episode.truncated,
        failed=episode.failed,
        correct=correct,
        task=task.full_name,
        **about,
    )
