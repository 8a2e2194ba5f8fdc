"""Market making: a predictor says what a judge will think in the end, an adversary argues to move that prediction.

After Hubinger, *AI safety via market making* (2020): before and after each of the adversary's arguments the predictor
gives a probability, the market's price; when all is said the judge decides, and predictions are paid by how close they
came to that. A predictor whom no argument can move has foreseen what the judge thinks after hearing all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.core.protocol import Game
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS, Assignment, Decide, Role, Say, View
from oversight_envs.core.rewards import RewardRule
from oversight_envs.core.speech import Conversation, SpeakingRules
from oversight_envs.protocols.direct import Direct
from oversight_envs.protocols.worded import Spoken, inline, labelled, names

ADVERSARY, PREDICTOR, JUDGE = "adversary_0", "predictor_0", "judge_0"


def movement(records: Sequence[Record]) -> list[dict[str, float]]:
    """The adversary earns how far each of its arguments moved the price (of two answers: the sum of the probability's
    changes). The predictor, like every judge, earns its log score of the truth."""
    rows = []
    for record in records:
        prices = np.array([d.verdict.probabilities for d in record.decisions if d.role == PREDICTOR])
        rows.append({ADVERSARY: float(np.abs(np.diff(prices, axis=0)).sum() / 2)})
    return rows


def market(records: Sequence[Record]) -> list[dict[str, float]]:
    """As ``movement``, but the predictor earns the mean, over its predictions, of the expected log-probability under
    what the judge believes in the end: the cross-entropy of Hubinger's market, which knows no truth."""
    rows = movement(records)
    for row, record in zip(rows, records, strict=True):
        *predictions, end = record.decisions
        scores = [np.dot(end.verdict.probabilities, prediction.verdict.log_probs) for prediction in predictions]
        row[PREDICTOR] = float(np.mean(scores))
    return rows


@dataclass(frozen=True, kw_only=True)
class MarketMaking(Spoken):
    """One adversary, one predictor, one judge. The adversary may argue for any answer, and for another each time."""

    rounds: int = 2
    """How many arguments there are."""
    quotes: bool = True
    """Whether ``<quote>…</quote>`` is checked against the passage and marked for the others."""

    name: ClassVar = "market_making"
    judge_reads: ClassVar = "question, answers, arguments; the predictor the passage as well"
    source: ClassVar = "Hubinger 2020"
    reward: ClassVar = market
    rules: ClassVar[Mapping[str, RewardRule]] = {rule.__name__: rule for rule in (market, movement)}
    roles: ClassVar = MappingProxyType(
        {
            ADVERSARY: Role("adversary", ("say",), expert=True),
            PREDICTOR: Role("predictor", ("decide",), expert=True),
            JUDGE: Role("judge", ("decide",)),
        }
    )
    check_question = Direct.check_question

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("rounds", self.rounds, 1)

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(order=tuple(rng.permutation(len(question.options)).tolist()))

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        prices: list[str] = []
        chats = {role: self._chat(role, question, assigned.order, prices) for role in self.roles}
        for turn in range(self.rounds + 1):
            if turn:
                said = yield Say({ADVERSARY: chats[ADVERSARY].prompt}, SpeakingRules(self.max_words, self.quotes))
                for chat in chats.values():
                    chat.hear(said.values())
            price = yield Decide(PREDICTOR, (View(chats[PREDICTOR].prompt, assigned.order),), question.options)
            shown = zip(question.options, price.verdict.probabilities, strict=True)
            prices.append("\n".join(f"- {inline(option)}: {p:.0%}" for option, p in shown))
        yield Decide(JUDGE, (View(chats[JUDGE].prompt, assigned.order),), question.options)
        return None

    def _chat(self, role: str, question: Question, order: tuple[int, ...], prices: Sequence[str]) -> Conversation:
        passage = self._passage(question) if role != JUDGE else []
        text = self._text("question", question=inline(question.text), answers=labelled(question.options, order))
        limit = [self._text("limit", max_words=self.max_words)] if role == ADVERSARY else []
        limit += [self._text("quotes")] if self.quotes and passage and limit else []
        opening = self._page(role.removesuffix("_0"), [*passage, text, *limit])

        def cue(turn: int) -> str:
            if role == ADVERSARY:
                return self._text("price", price=prices[turn - 1])
            return self._text("decide", labels=names(LABELS[: len(order)]))

        return Conversation(opening, role, lambda _: self._text("heading"), cue)
