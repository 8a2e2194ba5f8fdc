"""The record of an episode: its log plus what the outside knows. Plain data, from which the episode can be replayed.

Reward rules, metrics and reports read records and nothing else, so what is true of a live episode is true of a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from oversight_envs.core.episode import Entry, Episode, ended_episode
from oversight_envs.core.prompt import clean_text
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

    def __repr__(self) -> str:
        """One line: what was played on which question, and what it came to."""
        return f"<Record {self._played()}: {self._result()}>"

    def __str__(self) -> str:
        """A few lines: the question, who said how much, what was decided and what everyone earned."""
        lines = [self._played(), f"  {_short(self.question.text, 100)}"]
        said: dict[str, list[Statement]] = {}
        for statement in self.transcript:
            said.setdefault(statement.role, []).append(statement)
        for role, statements in said.items():
            side = self.assigned.sides.get(role)
            claim = "" if side is None else f" for {_short(self.question.options[side])!r}"
            words = sum(len(statement.text.split()) for statement in statements)
            times = f" in {len(statements)} speeches" if len(statements) > 1 else ""
            lines.append(f"  {role}{claim}: {words} words{times}")
        lines.append(f"  {self._result()}")
        if self.rewards:
            earned = [f"{role} {self.rewards[role]:+.2f}" for role in self.roles if role in self.rewards]
            lines.append(f"  rewards: {', '.join(earned)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str | None:
        """The episode as a notebook shows it: as in a report. None, which means plain text, without the extra."""
        try:  # by name: reports are above the core
            page: str = import_module("oversight_envs.report.report").frame_record(self)
        except ImportError:
            return None
        return page

    def _played(self) -> str:
        return f"{self.protocol}{f' on {self.task}' if self.task else ''}, question {self.question.id!r}"

    def _result(self) -> str:
        if self.ended_without_result:
            return f"no result, {_short(self.ended_without_result, 100)}"
        if self.outcome is None:
            return f"not over, {len(self.entries)} asks answered"
        found = []
        if self.decision is not None:
            verdict, truth = self.decision.verdict, self.question.truth
            choice = verdict.choice
            if choice is None:
                found.append(f"{self.decision.role} is undecided")
            else:
                mark = "" if truth is None else " (right)" if choice == truth else " (wrong)"
                option = _short(self.question.options[choice])
                found.append(f"{self.decision.role} {verdict.probabilities[choice]:.0%} for {option!r}{mark}")
        marks = {True: " (right)", False: " (wrong)"}
        scores = {scored.author: f", V {scored.value:+.2f}" for scored in self.scores}
        for role, answer in self.answers.items():
            says = "no answer" if answer is None else repr(_short(answer))
            mark = marks.get(self.correct[role], "") if role in self.correct else ""
            found.append(f"{role} {says}{mark}{scores.get(role, '')}")
        return "; ".join(found) or "over"

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
            foreign = " (others' transcripts are read by `oversight-envs import`)" if str(error) == "'schema'" else ""
            raise ValueError(f"not an episode record: {type(error).__name__}: {error}{foreign}") from error


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def _short(text: str, most: int = 40) -> str:
    """A text that others wrote, on one line and cut."""
    line = " ".join(clean_text(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def make_record(episode: Episode, task: Task, **about: Any) -> Record:
    """The record of an episode, finished or not, on a question of ``task``, which marks free-text answers.

    ``about`` are further fields of ``Record``. Rewards come after it: they are functions of records.
    """
    outcome, question = episode.outcome, episode.question
    correct: dict[str, bool] = {}
    if question.truth is not None and outcome is not None:
        correct = {role: side == question.truth for role, side in episode.assigned.sides.items()}
        correct |= {
            role: answer is not None and bool(task.check(question, answer))
            for role, answer in outcome.answers.items()
            if role not in correct
        }
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
