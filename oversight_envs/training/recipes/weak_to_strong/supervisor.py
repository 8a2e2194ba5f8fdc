"""The weak judge: what it reads of a question, what it learns from, and the labels that it gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from oversight_envs.core.players import Players
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Speaker
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation.decisions import credit
from oversight_envs.judges import LogitJudge
from oversight_envs.models import LanguageModel
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate, Direct
from oversight_envs.protocols.debate import DEBATERS
from oversight_envs.training.recipes.weak_to_strong.students import Labels


class Supervision:
    """How weak judges see questions: the question alone, or debates on it.

    Args:
        blind: the game of the judge that sees the question alone.
        game: the debate.
        debater: plays both sides. It has learnt what it will: nobody trains it here.
    """

    def __init__(self, blind: Direct, game: Debate, debater: Speaker) -> None:
        self.blind, self.game, self.debater = blind, game, debater

    def records(
        self, lm: LanguageModel, task: Task, questions: Sequence[Question], debates: int, seed: int
    ) -> list[Record]:
        """``lm`` decides after so many debates on each question; 0: once, without any."""
        if (engine := getattr(self.debater, "lm", None)) is not None:
            engine.forget()  # what it has kept changes rounding: a resumed run must not differ by it
        game: Protocol = self.game if debates else self.blind
        players: Players = {"judge_0": LogitJudge(lm)}
        if debates:
            players |= dict.fromkeys(DEBATERS, self.debater)
        return rollout(game, task, players, questions=questions, samples=max(1, debates), seed=seed, concurrency=64)


def mean_labels(records: Sequence[Record], debates: int) -> dict[str, list[float]]:
    """Question -> the mean of the judge's probabilities over the first ``debates`` games on it (0: the only one).

    Raises ValueError where a game ended without a decision: no label is made up.
    """
    found: dict[str, list[Sequence[float]]] = defaultdict(list)
    for record in records:
        if record.decision is None:
            raise ValueError(f"question {record.question.id!r} has no label: {record.ended_without_result}")
        found[record.question.id].append(record.decision.verdict.probabilities)
    return {id: np.mean(given[: max(1, debates)], axis=0).tolist() for id, given in found.items()}


def credits_of(labels: Labels, questions: Sequence[Question]) -> dict[str, float]:
    """Question -> what the option that its label finds most probable is worth (see ``credit``)."""
    found = {}
    for question in questions:
        assert isinstance(question.truth, int)
        found[question.id] = credit(Verdict(tuple(labels[question.id])), question.truth)  # logs have the same order
    return found
