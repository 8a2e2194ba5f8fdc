"""Ordering the samples of one question: the question that a ranking judge is asked, as a small game.

The samples are the question's options; in which order they are shown is drawn from the seed. It is no game that people
play: ``oversight_envs.judges.ranking`` plays it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from oversight_envs.core.answers import DECORATION, plain_characters
from oversight_envs.core.prompt import Message, Prompt, quote_lines
from oversight_envs.core.protocol import Game, Outcome, Truncated
from oversight_envs.core.question import Question
from oversight_envs.core.quotes import neutralise
from oversight_envs.core.requests import LABELS, Assignment, Decide, Role, Say, View
from oversight_envs.core.rewards import nobody
from oversight_envs.protocols.worded import Worded, names
from oversight_envs.tasks.final_answers import final_answer

RANKER = "ranker_0"
CRITERION = "the more likely to be right, and the easier to check, the better"

_BETWEEN = re.compile(r"\s*[>,;→]\s*|\s+")


@dataclass(frozen=True, kw_only=True)
class Ranking(Worded):
    """One ranker, and two to 26 different samples."""

    by: Literal["words", "choice"] = "words"
    """``words``: the ranker writes the order. ``choice``: it decides which is the best, and its probabilities order the
    rest, too (as listwise rerankers that read one token do: FIRST, arXiv 2406.15657)."""
    criterion: str = CRITERION
    """What makes a sample better, in words."""

    name: ClassVar = "ranking"
    reward: ClassVar = nobody

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.criterion, str) or not self.criterion.strip():
            raise ValueError(f"criterion={self.criterion!r:.80}: say what makes a sample better")

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        return {RANKER: Role("ranker", ("say",) if self.by == "words" else ("decide",))}

    def check_question(self, question: Question) -> None:
        if not 2 <= len(question.options) <= len(LABELS):
            raise ValueError(f"ranking orders 2 to {len(LABELS)} different samples, not {len(question.options)}")

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(order=tuple(rng.permutation(len(question.options)).tolist()))

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        labels = LABELS[: len(question.options)]
        prompt = self._prompt(question, assigned.order, labels)
        if self.by == "choice":
            yield Decide(RANKER, (View(prompt, assigned.order),), question.options)
            return None
        for _ in range(2):
            said = (yield Say({RANKER: prompt}))[RANKER]
            if (order := read_order(said.text, labels)) is not None:
                return Outcome(answers={RANKER: order})
            again = self._text("again", first=labels[0], last=labels[-1])
            prompt = (*prompt, Message("assistant", said.kept), Message("user", again))
        raise Truncated(f"{RANKER} gave no clear order of {names(labels)}, asked twice: {said.text!r:.200}")

    def _prompt(self, question: Question, order: Sequence[int], labels: str) -> Prompt:
        shown = [question.options[option] for option in order]
        samples = [
            f"{self._text('heading', label=label)}\n{quote_lines(neutralise(text)) if text.strip() else '(nothing)'}"
            for label, text in zip(labels, shown, strict=True)
        ]
        cue = self._text(self.by, criterion=self.criterion, first=labels[0], last=labels[-1], labels=names(labels))
        parts = [self._text("problem", problem=question.text), *samples, cue]
        return self._page("system", parts)


def read_order(text: str, labels: Sequence[str]) -> str | None:
    """The labels, best first, from ``B > A > C`` as the whole text or its final answer; None unless each is named once.

    There are no ties: ``A = B`` is no order.
    """
    answer = plain_characters(final_answer(text) or text).strip(DECORATION + ".")
    named = [part.strip(DECORATION + "()[]") for part in _BETWEEN.split(answer)]
    return "".join(named) if sorted(named) == sorted(labels) else None
