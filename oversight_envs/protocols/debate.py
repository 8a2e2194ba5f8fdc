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

from oversight_envs.core.checks import one_of
from oversight_envs.core.protocol import Game
from oversight_envs.core.question import Question
from oversight_envs.core.requests import LABELS, Assignment, Decide, Role, Say
from oversight_envs.core.rewards import logit
from oversight_envs.protocols.argued import Argued
from oversight_envs.protocols.worded import names

DEBATERS = ("debater_0", "debater_1")
DEBATER = Role("debater", ("say",), expert=True)


@dataclass(frozen=True, kw_only=True)
class Debate(Argued):
    """Two debaters, one judge. Sides and the order in which the judge reads the answers are drawn from the seed."""

    turns: Literal["simultaneous", "sequential"] = "simultaneous"
    """Whether both speak at once in each round, or debater_1 hears debater_0 first."""

    name: ClassVar = "debate"
    roles: ClassVar = MappingProxyType(
        {"debater_0": DEBATER, "debater_1": DEBATER, "judge_0": Role("judge", ("decide",))}
    )
    reward: ClassVar = logit
    zero_sum: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("turns", self.turns, ("simultaneous", "sequential"))

    @property
    def simultaneous(self) -> bool:  # type: ignore[override]
        return self.turns == "simultaneous"

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        first, label = int(rng.integers(2)), int(rng.integers(2))
        return Assignment(sides={"debater_0": first, "debater_1": 1 - first}, order=(label, 1 - label))

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        sides = assigned.sides
        chats = {role: self._expert(role, question, sides[role], "opponent") for role in DEBATERS}
        turns = []
        for speakers in self.rounds * ([DEBATERS] if self.simultaneous else [DEBATERS[:1], DEBATERS[1:]]):
            said = yield Say({role: chats[role].prompt for role in speakers}, self.speaking)
            turns.append(tuple(said.values()))
            for chat in chats.values():
                chat.hear(turns[-1])
        cue = self._text("judge_cue", labels=names(LABELS[:2]))
        views = self._views(question, turns, assigned.order, sides, lambda turn: cue)
        yield Decide("judge_0", views, question.options)
        return None
