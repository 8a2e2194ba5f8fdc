"""Debate: two debaters argue for opposite answers; a judge who never sees the passage decides.

After Irving et al., *AI safety via debate* (arXiv 1805.00899), in the form of Anthropic's fall 2023 debate update: a
question about a passage that only the debaters can read, quotes that are checked against it, and the judge's logit
difference between the two answers as a zero-sum reward.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from oversight_envs.core.question import Question
from oversight_envs.core.requests import LABELS, Assignment, Role
from oversight_envs.core.rewards import logit
from oversight_envs.protocols.argued import Argued

DEBATERS = ("debater_0", "debater_1")
DEBATER = Role("debater", ("say",), expert=True)


@dataclass(frozen=True, kw_only=True)
class Debate(Argued):
    """Two debaters, one judge. Sides and the order in which the judge reads the answers are drawn from the seed.

    Of a question with more than two answers the seed draws two to be argued for, maybe both wrong: nobody in the game
    knows the truth. The judge decides among all of them, and what pays is how much it prefers the one to the other.

    With ``positions="open"`` debater_0 chooses its answer (Kenton et al. 2024, arXiv 2407.04622). Questions that the
    other side must answer are Barnes and Christiano's (*Writeup: progress on AI safety via debate*, 2020).
    """

    turns: Literal["simultaneous", "sequential"] = "simultaneous"
    """Whether both speak at once in each round, or debater_1 hears debater_0 first."""

    cross_examination: bool = False
    """Whether in each round, after the speeches, each debater puts a question to the other, who must answer it."""

    name: ClassVar = "debate"
    judge_reads: ClassVar = "question, answers, all speeches with their quotes marked; no passage"
    source: ClassVar = "Irving 2018 (1805.00899), Khan 2024 (2402.06782)"
    roles: ClassVar = MappingProxyType(
        {"debater_0": DEBATER, "debater_1": DEBATER, "judge_0": Role("judge", ("decide",))}
    )
    reward: ClassVar = logit
    zero_sum: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.judge_asks:
            object.__setattr__(self, "roles", {**self.roles, "judge_0": self.judge_role})

    @property
    def simultaneous(self) -> bool:  # type: ignore[override]
        return self.turns == "simultaneous" and not self.judge_asks and self.positions == "assigned"

    @property
    def speakers(self) -> tuple[tuple[str, ...], ...]:
        return (DEBATERS,) if self.turns == "simultaneous" else (DEBATERS[:1], DEBATERS[1:])

    @property
    def steps(self) -> tuple[str, ...]:
        return ("case", "question", "answer") if self.cross_examination else ("case",)

    @property
    def most_options(self) -> int:
        return len(LABELS) if self.positions == "assigned" else 2

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        if (count := len(question.options)) > 2:
            one, two, *_ = rng.permutation(count).tolist()
            return Assignment(
                dict(zip(DEBATERS, (one, two), strict=True)), order=tuple(rng.permutation(count).tolist())
            )
        first, label = int(rng.integers(2)), int(rng.integers(2))
        sides = {"debater_0": first, "debater_1": 1 - first} if self.positions == "assigned" else {}
        return Assignment(sides=sides, order=(label, 1 - label))
