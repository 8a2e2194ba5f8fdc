"""Consultancy: one expert argues for the answer it was given, right or wrong, before a judge who can't read the text.

The baseline that debate is measured against (Michael et al. 2023, arXiv 2311.08702; Khan et al. 2024,
arXiv 2402.06782): the judge hears one side only, and must tell an honest consultant from a dishonest one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oversight_envs.core.prompt import Prompt
from oversight_envs.core.protocol import LABELS, Decide, Duty, Game, Outcome, Say, View, one_of
from oversight_envs.core.question import Question
from oversight_envs.core.speech import Statement, Transcript, conversation
from oversight_envs.protocols.argued import Argued, names


@dataclass(frozen=True, kw_only=True)
class Consultancy(Argued):
    """One consultant, one judge. The seed draws the answer to argue for, so it is the right one half of the time."""

    judge_asks: bool = False
    """Whether the judge asks a question between rounds; its filler must then be able to speak as well as decide."""

    name: ClassVar[str] = "consultancy"
    reward: ClassVar[str] = "logit"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("judge_asks", self.judge_asks, (True, False))
        if self.judge_asks and self.rounds < 2:
            raise ValueError(f"judge_asks=True needs rounds between which to ask: rounds={self.rounds}, give 2 or more")
        if self.judge_asks and self.both_orders:
            raise ValueError("both_orders=True can't go with judge_asks=True: the judge asked under one order")

    @property
    def duties(self) -> Mapping[str, frozenset[Duty]]:
        judge: frozenset[Duty] = frozenset({"say", "decide"}) if self.judge_asks else frozenset({"decide"})
        return {"consultant_0": frozenset({"say"}), "judge_0": judge}

    def play(self, question: Question, rng: np.random.Generator) -> Game:
        side, label = int(rng.integers(2)), int(rng.integers(2))
        order = (label, 1 - label)
        transcript = self._transcript(question)
        for round_ in range(1, self.rounds + 1):
            transcript.add((yield Say({"consultant_0": self._brief(question, side, transcript)})))
            if self.judge_asks and round_ < self.rounds:
                (view,) = self._case(question, side, order, transcript)
                transcript.add((yield Say({"judge_0": view.prompt})))
        decision = yield Decide("judge_0", self._case(question, side, order, transcript), question.options)
        return Outcome(transcript=tuple(transcript), sides={"consultant_0": side}, decision=decision)

    def _brief(self, question: Question, side: int, transcript: Transcript) -> Prompt:
        opening = self._opening(question, "side", side)
        return conversation(opening, transcript, "consultant_0", lambda s: self._text("judge_asked"), self._expert_cue)

    def _case(self, question: Question, side: int, order: tuple[int, ...], transcript: Transcript) -> tuple[View, ...]:
        def heading(_: Statement, labels: Sequence[int]) -> str:
            return self._text("judge_heading", label=LABELS[labels.index(side)], option=question.options[side])

        def cue(turn: int) -> str:
            asks = self.judge_asks and turn < self.rounds
            return self._text("judge_ask" if asks else "judge_cue", labels=names(LABELS[:2]))

        return self._views(question, transcript, order, heading, cue)
