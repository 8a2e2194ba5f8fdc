"""Limited verification: after a debate the judge may put a few yes-or-no questions to a checker, who reads the text.

How much is it worth to a judge to check a little? The checker is a role, so the arms of a study differ in who fills it
and in nothing else: an exact checker (``agents.StoryChecker``), a model, or a placebo that tosses a coin
(``agents.PlaceboChecker``); and ``checks=0`` is the debate alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Game, Outcome, Truncated
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS, Assignment, Decide, Role, Say
from oversight_envs.core.rewards import RewardRule, logit
from oversight_envs.core.speech import Conversation, SpeakingRules, Statement
from oversight_envs.prompts import load_wording
from oversight_envs.protocols.argued import _as_read
from oversight_envs.protocols.debate import DEBATERS, Debate
from oversight_envs.protocols.worded import inline

CHECKER = "checker_0"
ANSWERS = re.compile(r"\W*(yes|no|unknown)\W*", re.IGNORECASE)


def disinterested(records: Sequence[Record]) -> list[dict[str, float]]:
    """Debaters earn the log-odds of their answers (``logit``), the checker nothing: it has no side."""
    return [
        {**row, CHECKER: 0.0} if CHECKER in r.roles else row for row, r in zip(logit(records), records, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class LimitedVerification(Debate):
    """A debate, and ``checks`` questions of the judge that are answered by Yes, No or Unknown before it decides.

    An answer in other words would tell the judge more of the text than the game allows: it ends the episode as
    truncated. The judge's filler must be able to speak as well as decide (``SpeakingJudge``), unless ``checks`` is 0.
    ``wording`` words the checks; the debate's own words are those of ``Debate``.
    """

    checks: int = 1
    """How many questions the judge may put to the checker; with 0 there is no checker."""

    name: ClassVar = "limited_verification"
    reward: ClassVar = disinterested
    rules: ClassVar[Mapping[str, RewardRule]] = {"disinterested": disinterested}

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("checks", self.checks, 0)
        if self.both_orders or self.judge_asks or self.cross_examination or self.positions != "assigned":
            raise ValueError(
                "limited verification is of a plain debate: leave out both_orders (the judge asks under one order), "
                "judge_asks, cross_examination and positions"
            )
        if self.show == "quotes":
            raise ValueError("show='quotes' would hide the checker's answers: give 'all', 'arguments' or 'verified'")
        object.__setattr__(self, "_templates", {**load_wording(Debate.name), **self._templates})
        if self.checks:
            judge, checker = Role("judge", ("say", "decide")), Role("checker", ("say",), expert=True)
            object.__setattr__(self, "roles", {**self.roles, "judge_0": judge, CHECKER: checker})

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        sides, order = assigned.sides, assigned.order
        debaters = {role: self._expert(role, question, sides) for role in DEBATERS}
        judge = self._judge(question, order, sides, asks=self.checks)
        turns = []
        for _, speakers in self._plan:
            said = yield Say({role: debaters[role].prompt for role in speakers}, self.speaking)
            turns.append(_as_read(said.values(), order, sides))
            for chat in (*debaters.values(), judge):
                chat.hear(turns[-1])
        for _ in range(self.checks):
            asked = yield Say({"judge_0": judge.prompt}, SpeakingRules(self.max_words))
            answered = yield Say({CHECKER: self._checking(question, asked["judge_0"])}, SpeakingRules(self.max_words))
            if not ANSWERS.fullmatch(answered[CHECKER].text):
                said = answered[CHECKER].text
                raise Truncated(f"{CHECKER} was to answer Yes, No or Unknown, and said {said!r:.80}")
            for turn in [asked["judge_0"]], [answered[CHECKER]]:
                turns.append(turn)
                judge.hear(turn)
        yield Decide("judge_0", self._views(question, turns, order, sides), question.options)
        return Outcome()

    def _checking(self, question: Question, asked: Statement) -> Prompt:
        text = [self._text("checker_text", passage=question.passage)] if question.passage else []
        parts = [*text, self._text("checker_question", question=asked.shown())]
        return Message("system", self._text("checker_system")), Message("user", "\n\n".join(parts))

    def _judge(
        self, question: Question, order: tuple[int, ...], sides: Mapping[str, int], *, asks: int
    ) -> Conversation:
        """The chat of the judge, who first asks so many times."""

        def heading(statement: Statement) -> str:
            if statement.role == CHECKER:
                return self._text("checked")
            side = sides[statement.role]
            return self._text("judge_heading", label=LABELS[order.index(side)], option=inline(question.options[side]))

        def cue(turn: int) -> str:
            return self._text("judge_check") if turn <= asks else self._judge_cue(False, len(order))

        return Conversation(self._judge_opening(question.censored(), order), "judge_0", heading, cue, self.show)
