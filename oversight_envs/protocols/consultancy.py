"""Consultancy: one expert argues for the answer it was given, right or wrong, before a judge who can't read the text.

The baseline that debate is measured against (Michael et al. 2023, arXiv 2311.08702; Khan et al. 2024,
arXiv 2402.06782): the judge hears one side only, and must tell an honest consultant from a dishonest one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oversight_envs.core.checks import one_of
from oversight_envs.core.protocol import Game
from oversight_envs.core.question import Question
from oversight_envs.core.requests import LABELS, Assignment, Decide, Role, Say
from oversight_envs.core.rewards import logit
from oversight_envs.protocols.argued import Argued
from oversight_envs.protocols.worded import names


@dataclass(frozen=True, kw_only=True)
class Consultancy(Argued):
    """One consultant, one judge. The seed draws the answer to argue for, so it is the right one half of the time."""

    judge_asks: bool = False
    """Whether the judge asks a question between rounds; its filler must then be able to speak as well as decide."""

    name: ClassVar = "consultancy"
    reward: ClassVar = logit

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("judge_asks", self.judge_asks, (True, False))
        if self.judge_asks and self.rounds < 2:
            raise ValueError(f"judge_asks=True needs rounds between which to ask: rounds={self.rounds}, give 2 or more")
        if self.judge_asks and self.both_orders:
            raise ValueError("both_orders=True can't go with judge_asks=True: the judge asked under one order")

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        judge = Role("judge", ("say", "decide") if self.judge_asks else ("decide",))
        return {"consultant_0": Role("consultant", ("say",), expert=True), "judge_0": judge}

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        side, label = int(rng.integers(2)), int(rng.integers(2))
        return Assignment(sides={"consultant_0": side}, order=(label, 1 - label))

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        sides, order = assigned.sides, assigned.order
        consultant = self._expert("consultant_0", question, sides["consultant_0"], "judge_asked")
        judge = self._judge(question, order, sides, self._judge_cue)
        turns = []
        for round_ in range(1, self.rounds + 1):
            said = yield Say({"consultant_0": consultant.prompt}, self.speaking)
            turns.append(tuple(said.values()))
            consultant.hear(turns[-1])
            judge.hear(turns[-1])
            if self.judge_asks and round_ < self.rounds:
                said = yield Say({"judge_0": judge.prompt}, self.speaking)
                turns.append(tuple(said.values()))
                consultant.hear(turns[-1])
                judge.hear(turns[-1])
        views = self._views(question, turns, order, sides, self._judge_cue)
        yield Decide("judge_0", views, question.options)
        return None

    def _judge_cue(self, turn: int) -> str:
        asks = self.judge_asks and turn < self.rounds
        return self._text("judge_ask" if asks else "judge_cue", labels=names(LABELS[:2]))
