"""Debate: two debaters argue for opposite answers; a judge who never sees the passage decides.

After Irving et al., *AI safety via debate* (arXiv 1805.00899), in the form of Anthropic's fall 2023 debate update: a
question about a passage that only the debaters can read, quotes that are checked against it, and the judge's logit
difference between the two answers as a zero-sum reward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from oversight_envs.core.prompt import Prompt
from oversight_envs.core.protocol import LABELS, Decide, Duty, Game, Outcome, Say, View, one_of
from oversight_envs.core.question import Question
from oversight_envs.core.speech import Statement, Transcript, conversation
from oversight_envs.protocols.argued import Argued, names

DEBATERS = ("debater_0", "debater_1")


@dataclass(frozen=True, kw_only=True)
class Debate(Argued):
    """Two debaters, one judge. Sides and the order in which the judge reads the answers are drawn from the seed."""

    turns: Literal["simultaneous", "sequential"] = "simultaneous"
    """Whether both speak at once in each round, or debater_1 hears debater_0 first."""

    name: ClassVar[str] = "debate"
    reward: ClassVar[str] = "logit"
    zero_sum: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("turns", self.turns, ("simultaneous", "sequential"))

    @property
    def simultaneous(self) -> bool:  # type: ignore[override]
        return self.turns == "simultaneous"

    @property
    def duties(self) -> Mapping[str, frozenset[Duty]]:
        return {"debater_0": frozenset({"say"}), "debater_1": frozenset({"say"}), "judge_0": frozenset({"decide"})}

    def play(self, question: Question, rng: np.random.Generator) -> Game:
        first, label = int(rng.integers(2)), int(rng.integers(2))
        sides, order = {"debater_0": first, "debater_1": 1 - first}, (label, 1 - label)
        transcript = self._transcript(question)
        for speakers in self.rounds * ([DEBATERS] if self.simultaneous else [DEBATERS[:1], DEBATERS[1:]]):
            said = yield Say({role: self._brief(role, question, sides, transcript) for role in speakers})
            transcript.add(said)
        decision = yield Decide("judge_0", self._case(question, sides, order, transcript), question.options)
        return Outcome(transcript=tuple(transcript), sides=sides, decision=decision)

    def _brief(self, role: str, question: Question, sides: dict[str, int], transcript: Transcript) -> Prompt:
        opening = self._opening(question, "side", sides[role])
        return conversation(opening, transcript, role, lambda s: self._text("opponent"), self._expert_cue)

    def _case(
        self, question: Question, sides: dict[str, int], order: tuple[int, ...], transcript: Transcript
    ) -> tuple[View, ...]:
        def heading(statement: Statement, labels: Sequence[int]) -> str:
            side = sides[statement.role]
            return self._text("judge_heading", label=LABELS[labels.index(side)], option=question.options[side])

        def place(statement: Statement, labels: Sequence[int]) -> int:
            return labels.index(sides[statement.role])  # simultaneous speeches are read in the order of the letters

        cue = self._text("judge_cue", labels=names(LABELS[:2]))
        return self._views(question, transcript, order, heading, lambda turn: cue, place)
