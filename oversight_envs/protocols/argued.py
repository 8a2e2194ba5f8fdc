"""What games in which experts argue have in common: options that govern speech, the script, the chats, the views."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Game, Outcome, Protocol, Truncated
from oversight_envs.core.question import Question
from oversight_envs.core.quotes import Show
from oversight_envs.core.requests import LABELS, Assignment, Decide, Request, Role, Say, View
from oversight_envs.core.speech import Conversation, SpeakingRules, Statement
from oversight_envs.prompts import words_game
from oversight_envs.protocols.direct import Direct
from oversight_envs.protocols.worded import Spoken, inline, labelled, names
from oversight_envs.tasks.final_answers import named_option

END = "No further questions."
"""What a judge says who has heard enough."""


@dataclass(frozen=True, kw_only=True)
class Argued(Spoken):
    """A game in which experts argue about a passage for a judge who can't read it."""

    rounds: int = 1
    """How many times each debater or consultant speaks."""
    max_words: int = 150
    """Word limit of a speech, private notes aside; what is over it is cut and the record says so."""
    quotes: bool = True
    """Whether ``<quote>…</quote>`` is checked against the passage and marked for the judge."""
    show: Show = "all"
    """What the judge sees: arguments and quotes (all), only verified quotes (quotes), only the words around quotes
    (arguments), or only speeches without a false quote, be it in quotation marks only (verified)."""
    scratchpad: bool = False
    """Whether speakers may write private notes between ``<scratchpad>`` tags first."""
    both_orders: bool = False
    """Whether the judge decides twice, with the answers' letters swapped, and the log-odds are averaged."""
    judge_asks: bool = False
    """Whether the judge asks a question between rounds; its filler must then be able to speak as well as decide."""
    judge_ends: bool = False
    """Whether the judge that asks may say "No further questions." instead, and decide at once."""
    positions: Literal["assigned", "open"] = "assigned"
    """Whether the seed draws who argues for what, or the first expert chooses its answer before it argues."""

    def __post_init__(self) -> None:
        if self.positions == "both":  # type: ignore[comparison-overlap]
            raise ValueError(
                "positions='both': a game has one assignment; play both with sides='both' (rollout, evaluate), "
                "--sides both or reset(options={'other_sides': True})"
            )
        super().__post_init__()
        at_least("rounds", self.rounds, 1)
        if not self.quotes and self.show != "all":
            raise ValueError(f"show={self.show!r} is about quotes: pass quotes=True with it")
        if self.judge_asks and self.rounds < 2:
            raise ValueError(f"judge_asks=True needs rounds between which to ask: rounds={self.rounds}, give 2 or more")
        if self.judge_asks and self.both_orders:
            raise ValueError("both_orders=True can't go with judge_asks=True: the judge asked under one order")
        if self.judge_ends and not self.judge_asks:
            raise ValueError("judge_ends=True is about a judge who asks: pass judge_asks=True with it")

    @property
    @abstractmethod
    def speakers(self) -> tuple[tuple[str, ...], ...]:
        """The experts in the order in which they speak; those of one tuple speak at once."""

    @property
    def steps(self) -> tuple[str, ...]:
        """What the experts do in a round, one after the other."""
        return ("case",)

    @property
    def judge_role(self) -> Role:
        return Role("judge", ("say", "decide") if self.judge_asks else ("decide",))

    def hears(self, role: str, speaker: str) -> bool:
        """Whether ``role`` hears what ``speaker`` says."""
        return True

    @cached_property
    def _plan(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What is said in the game, turn by turn: the step, and who takes it."""
        round_ = [(step, speakers) for step in self.steps for speakers in self.speakers]
        asks = [("ask", ("judge_0",))] if self.judge_asks else []
        choice = [("choose", self.speakers[0][:1])] if self.positions == "open" else []
        return (*choice, *(self.rounds - 1) * [*round_, *asks], *round_)

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        sides, order = assigned.sides, assigned.order
        if self.positions == "open":
            sides = yield from self._choose(question)
        chats = {role: self._expert(role, question, sides) for role in sides}
        if self.judge_asks:
            chats["judge_0"] = self._judge(question, order, sides, asks=self.rounds - 1)
        turns = []
        for step, speakers in self._plan:
            if step == "choose":
                continue
            rules = SpeakingRules(self.max_words) if step == "ask" else self.speaking
            said = yield Say({role: chats[role].prompt for role in speakers}, rules)
            turns.append(_as_read(said.values(), order, sides))
            for role, chat in chats.items():
                chat.hear([s for s in turns[-1] if self.hears(role, s.role)])
            if step == "ask" and self.judge_ends and _ends(said["judge_0"]):
                break
        yield Decide("judge_0", self._views(question, turns, order, sides), question.options)
        return Outcome(sides={} if self.positions == "assigned" else sides)

    def _choose(self, question: Question) -> Generator[Request, Any, Mapping[str, int]]:
        """Asks the first expert which answer is its own; the other expert, if there is one, has the other answer."""
        first, *others = [role for speakers in self.speakers for role in speakers]
        choice = self._text("choose", answers=names([inline(option) for option in question.options]))
        asked = [*self._brief(question), choice] + ([self._text("scratchpad")] if self.scratchpad else [])
        said = yield Say({first: self._page("system", asked)}, SpeakingRules(scratchpad=self.scratchpad))
        own = named_option(said[first].text, question.options)
        if own is None:
            raise Truncated(f"{first} was to choose an answer by its words, and said {said[first].text!r:.80}")
        return {first: own} | dict.fromkeys(others, 1 - own)

    @property
    def most_options(self) -> int:
        """How many answers a question may have; two of them are argued for."""
        return 2

    def check_question(self, question: Question) -> None:
        if not 2 <= len(question.options) <= self.most_options:
            raise ValueError(
                f"{self.name} is about two answers, and question {question.id!r} has {len(question.options)}: "
                "choose a task with options=2"
            )

    def baselines(self) -> Mapping[str, Protocol]:
        """The judge blind and with the passage, under the same wording and answer orders.

        Raises ValueError for a wording that does not word direct judgment: the two would differ in more than what the
        judge sees.
        """
        if self.wording not in (None, self.name) and not words_game(str(self.wording), Direct.name):
            raise ValueError(
                f"wording={self.wording!r} has no table [{Direct.name}], so the baselines can't be played under it: "
                "add one (empty, where the default words do), or evaluate without baselines"
            )
        return {
            name: Direct(expert=name == "expert", both_orders=self.both_orders, wording=self.wording)
            for name in ("blind", "expert")
        }

    @property
    def judge_system(self) -> str:
        """The template that tells the judge who argues."""
        return "judge_system"

    @property
    def speaking(self) -> SpeakingRules:
        return SpeakingRules(self.max_words, self.quotes, self.scratchpad)

    def _brief(self, question: Question) -> list[str]:
        """What all experts read, whatever they argue for."""
        answers = "\n".join(f"- {inline(option)}" for option in question.options)
        return [*self._passage(question), self._text("question", question=inline(question.text), answers=answers)]

    @lru_cache(maxsize=256)  # noqa: B019  protocols are small values; episodes on one question share these messages
    def _opening(self, question: Question, own: int, other: int) -> Prompt:
        """An expert's first messages: what all experts share, passage first, comes before what is one side's own."""
        options = [inline(option) for option in question.options]
        parts = [
            *self._brief(question),
            self._text("side", own=options[own], other=options[other]),
            " ".join(
                [
                    *([self._text("quotes")] if self.quotes and question.passage else []),
                    *([self._text("quotes_all")] if self.show == "verified" and question.passage else []),
                    *([self._text("scratchpad")] if self.scratchpad else []),
                    self._text("limit", max_words=self.max_words),
                ]
            ),
        ]
        return self._page("system" if len(options) == 2 else "system_many", parts)

    @lru_cache(maxsize=64)  # noqa: B019
    def _expert_cue(self, turn: int) -> str:
        round_, step = divmod(turn - 1, len(self.steps))
        if step:
            return self._text(f"cue_{self.steps[step]}")
        return self._text("cue_next" if round_ else "cue", round=round_ + 1, rounds=self.rounds)

    @lru_cache(maxsize=64)  # noqa: B019
    def _judge_cue(self, asks: bool, options: int) -> str:
        cue = self._text("judge_ask" if asks else "judge_cue", labels=names(LABELS[:options]))
        return f"{cue} {self._text('judge_end', end=END)}".lstrip() if asks and self.judge_ends else cue

    @lru_cache(maxsize=256)  # noqa: B019
    def _judge_opening(self, question: Question, order: tuple[int, ...]) -> Prompt:
        """A judge's first messages. ``question`` is censored."""
        system = self._text(self.judge_system if len(order) == 2 else "judge_system_many")
        if self.quotes and self.show != "arguments":
            system += " " + self._text("judge_quotes")
        text = self._text("judge_question", question=inline(question.text), answers=labelled(question.options, order))
        return Message("system", system), Message("user", text)

    def _expert(self, role: str, question: Question, sides: Mapping[str, int]) -> Conversation:
        """The chat of an expert who argues for its side."""

        def heading(statement: Statement) -> str:
            return self._text("judge_asked" if statement.role == "judge_0" else "opponent")

        own = sides[role]
        other = next((side for side in sides.values() if side != own), 1 - own)  # who argues alone has two answers
        return Conversation(self._opening(question, own, other), role, heading, self._expert_cue)

    def _judge(
        self, question: Question, order: tuple[int, ...], sides: Mapping[str, int], *, asks: int
    ) -> Conversation:
        """The chat of a judge who reads the answers in ``order`` and, before it decides, speaks ``asks`` times."""

        def heading(statement: Statement) -> str:
            side = sides[statement.role]
            step = self._plan[statement.turn - 1][0]
            template = "judge_heading" if step == "case" else f"judge_heading_{step}"
            return self._text(template, label=LABELS[order.index(side)], option=inline(question.options[side]))

        opening = self._judge_opening(question.censored(), order)

        def cue(turn: int) -> str:
            return self._judge_cue(turn <= asks, len(order))

        return Conversation(opening, "judge_0", heading, cue, self.show)

    def _views(
        self,
        question: Question,
        turns: Sequence[Sequence[Statement]],
        order: tuple[int, ...],
        sides: Mapping[str, int],
    ) -> tuple[View, ...]:
        """The case as the judge reads it, in ``order`` and, with ``both_orders``, the other way round as well.

        Simultaneous speeches are read in the order of their answers' letters.
        """

        def view(labels: tuple[int, ...]) -> View:
            judge = self._judge(question, labels, sides, asks=sum(s.role == "judge_0" for turn in turns for s in turn))
            for turn in turns:
                judge.hear(_as_read(turn, labels, sides))
            return View(judge.prompt, labels)

        return tuple([view(labels) for labels in ((order, order[::-1]) if self.both_orders else (order,))])


def _ends(said: Statement) -> bool:
    """Whether a judge has heard enough."""
    return re.fullmatch(r"\W*no (further|more) questions\W*", said.spoken, re.IGNORECASE) is not None


def _as_read(turn: Iterable[Statement], labels: tuple[int, ...], sides: Mapping[str, int]) -> list[Statement]:
    """What was said at once, in the order of its answers' letters."""
    return sorted(turn, key=lambda s: labels.index(sides[s.role]) if s.role in sides else 0)
