"""Consultancy: one expert argues for the answer it was given, right or wrong, before a judge who can't read the text.

The baseline that debate is measured against (Michael et al. 2023, arXiv 2311.08702; Khan et al. 2024,
arXiv 2402.06782): the judge hears one side only, and must tell an honest consultant from a dishonest one. Open
consultancy, in which the consultant chooses its answer, is Kenton et al.'s (2024, arXiv 2407.04622); double
consultancy, one consultant for each answer, Arnesen et al.'s (2024, arXiv 2409.16636): what debate hears, less the
debate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oversight_envs.core.question import Question
from oversight_envs.core.requests import Assignment, Role
from oversight_envs.core.rewards import logit
from oversight_envs.protocols.argued import Argued

CONSULTANTS = ("consultant_0", "consultant_1")


@dataclass(frozen=True, kw_only=True)
class Consultancy(Argued):
    """One consultant, one judge. The seed draws the answer to argue for, so it is the right one half of the time."""

    double: bool = False
    """Whether there are two consultants, one for each answer. Neither hears the other."""

    name: ClassVar = "consultancy"
    judge_reads: ClassVar = "question, answers, the consultant's speeches with their quotes marked; no passage"
    source: ClassVar = "Michael 2023 (2311.08702), Khan 2024 (2402.06782)"
    reward: ClassVar = logit

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.double and self.positions == "open":
            raise ValueError("positions='open' can't go with double=True: each answer has its consultant already")

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        experts = dict.fromkeys(self.speakers[0], Role("consultant", ("say",), expert=True))
        return experts | {"judge_0": self.judge_role}

    @property
    def zero_sum(self) -> bool:  # type: ignore[override]
        return self.double

    @property
    def simultaneous(self) -> bool:  # type: ignore[override]
        return self.double and not self.judge_asks

    @property
    def speakers(self) -> tuple[tuple[str, ...], ...]:
        return (CONSULTANTS if self.double else CONSULTANTS[:1],)

    @property
    def judge_system(self) -> str:
        if self.double:
            return "judge_system_double"
        return "judge_system" if self.positions == "assigned" else "judge_system_open"

    def hears(self, role: str, speaker: str) -> bool:
        return "judge_0" in (role, speaker) or role == speaker

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        side, label = int(rng.integers(2)), int(rng.integers(2))
        sides = {} if self.positions == "open" else dict(zip(self.speakers[0], (side, 1 - side), strict=False))
        return Assignment(sides=sides, order=(label, 1 - label))
