"""Direct judgment: the judge alone, blind (question only) or expert (with the passage).

The two baselines that every protocol is compared with: what a judge knows without help, and what it could know if it
could read everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oversight_envs.core.protocol import Game
from oversight_envs.core.question import Question
from oversight_envs.core.requests import LABELS, Assignment, Decide, Role, View
from oversight_envs.core.rewards import nobody
from oversight_envs.protocols.worded import Worded, inline, labelled, names


@dataclass(frozen=True, kw_only=True)
class Direct(Worded):
    """One judge, no arguments. ``both_orders`` shows the options in the drawn order and in its reverse."""

    expert: bool = False
    """Whether the judge reads the passage."""
    both_orders: bool = False
    """Whether the judge decides twice, with the answers' letters swapped, and the log-odds are averaged."""

    name: ClassVar = "direct"
    judge_reads: ClassVar = "question and answers, with expert=True the passage"
    reward: ClassVar = nobody

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        return {"judge_0": Role("judge", ("decide",), expert=self.expert)}

    def check_question(self, question: Question) -> None:
        if len(question.options) < 2:
            raise ValueError(f"direct judgment is between options, and question {question.id!r} has none")
        if len(question.options) > len(LABELS):
            raise ValueError(f"question {question.id!r} has {len(question.options)} options; the most is {len(LABELS)}")

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(order=tuple(rng.permutation(len(question.options)).tolist()))

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        order = assigned.order
        views = tuple([self._view(question, o) for o in ((order, order[::-1]) if self.both_orders else (order,))])
        yield Decide("judge_0", views, question.options)
        return None

    def _view(self, question: Question, order: tuple[int, ...]) -> View:
        shown = question if self.expert else question.censored()
        answers, labels = labelled(shown.options, order), names(LABELS[: len(order)])
        asked = self._text("question", question=inline(shown.text), answers=answers, labels=labels)
        return View(self._page("system", [*self._passage(shown), asked]), order)
