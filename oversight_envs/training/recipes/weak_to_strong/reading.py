"""What a judge reads of a question, and the labels that it gives."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Case
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation.decisions import credit
from oversight_envs.judges import CallableJudge, LogitJudge
from oversight_envs.models import TrainableEngine
from oversight_envs.play import rollout

JUDGE = "judge_0"

Labels = Mapping[str, Sequence[float]]
"""Question -> how probable its options are, in the question's own order."""


@dataclass(frozen=True)
class Reading:
    """What a judge reads: a game that ends in a decision by ``judge_0``, and who plays the game's other roles.

    ``Direct()`` is the question alone, ``Direct(expert=True)`` the passage too, ``Debate()`` a debate by ``players``.
    These have learnt what they will: nobody trains them here.
    """

    game: Protocol
    players: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [role for role in self.game.roles if role not in {JUDGE, *self.players}]:
            raise ValueError(f"players: nobody plays {', '.join(missing)} of game {self.game.name!r}")
        if JUDGE in self.players or JUDGE not in self.game.roles:
            raise ValueError(f"game {self.game.name!r}: {JUDGE} is who reads; give a game with it, and its others only")

    def records(
        self,
        task: Task,
        questions: Sequence[Question],
        *,
        lm: TrainableEngine | None = None,
        samples: int = 1,
        seed: int,
    ) -> list[Record]:
        """``samples`` games on each question, decided by ``lm`` (None: by nobody, each option being as probable).

        Raises ValueError where a game ended without a decision: nothing is made up in its place.
        """
        for player in self.players.values():
            if (engine := getattr(player, "lm", None)) is not None:
                engine.forget()  # what it has kept changes rounding: a resumed run must not differ by it
        players = {**self.players, JUDGE: CallableJudge(_undecided) if lm is None else LogitJudge(lm)}
        records = rollout(self.game, task, players, questions=questions, samples=samples, seed=seed, concurrency=64)
        for record in records:
            if record.outcome is None or record.decision is None:
                raise ValueError(f"question {record.question.id!r}: no decision: {record.ended_without_result}")
        return records


def _undecided(case: Case) -> Verdict:
    return Verdict((-math.log(len(case.labels)),) * len(case.labels))


def mean_labels(records: Sequence[Record], games: int) -> dict[str, list[float]]:
    """Question -> the mean of the judge's probabilities over the first ``games`` games on it."""
    found: dict[str, list[Sequence[float]]] = defaultdict(list)
    for record in records:
        assert record.decision is not None
        found[record.question.id].append(record.decision.verdict.probabilities)
    return {id: np.mean(given[:games], axis=0).tolist() for id, given in found.items()}


def credits_of(labels: Labels, questions: Sequence[Question]) -> dict[str, float]:
    """Question -> what the option that its label finds most probable is worth (see ``credit``)."""
    found = {}
    for question in questions:
        assert isinstance(question.truth, int)
        found[question.id] = credit(Verdict(tuple(labels[question.id])), question.truth)  # logs have the same order
    return found
