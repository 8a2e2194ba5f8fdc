"""What games in which experts argue have in common: options that govern speech, the chats, the judge's views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.quotes import Show
from oversight_envs.core.requests import LABELS, View
from oversight_envs.core.speech import Conversation, SpeakingRules, Statement
from oversight_envs.prompts import words_game
from oversight_envs.protocols.direct import Direct
from oversight_envs.protocols.worded import Worded, inline, labelled


@dataclass(frozen=True, kw_only=True)
class Argued(Worded):
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
    """Whether speakers may write private notes between <scratchpad> tags first."""
    both_orders: bool = False
    """Whether the judge decides twice, with the answers' letters swapped, and the log-odds are averaged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("rounds", self.rounds, 1)
        at_least("max_words", self.max_words, 1)
        one_of("show", self.show, ("all", "quotes", "arguments", "verified"))
        for option in ("quotes", "scratchpad", "both_orders"):
            one_of(option, getattr(self, option), (True, False))
        if not self.quotes and self.show != "all":
            raise ValueError(f"show={self.show!r} is about quotes: pass quotes=True with it")

    def check_question(self, question: Question) -> None:
        if len(question.options) != 2:
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
    def speaking(self) -> SpeakingRules:
        """What experts' speeches are held to."""
        return SpeakingRules(self.max_words, self.quotes, self.scratchpad)

    @lru_cache(maxsize=256)  # noqa: B019  protocols are small values; episodes on one question share these messages
    def _opening(self, question: Question, own: int) -> Prompt:
        """An expert's first messages: what all experts share, passage first, comes before what is one side's own."""
        options = [inline(option) for option in question.options]
        parts = [self._text("text", passage=question.passage)] if question.passage else []
        parts += [
            self._text(
                "question", question=inline(question.text), answers="\n".join(f"- {option}" for option in options)
            ),
            self._text("side", own=options[own], other=options[1 - own]),
            " ".join(
                [
                    *([self._text("quotes")] if self.quotes and question.passage else []),
                    *([self._text("quotes_all")] if self.show == "verified" and question.passage else []),
                    *([self._text("scratchpad")] if self.scratchpad else []),
                    self._text("limit", max_words=self.max_words),
                ]
            ),
        ]
        return Message("system", self._text("system")), Message("user", "\n\n".join(parts))

    @lru_cache(maxsize=64)  # noqa: B019
    def _expert_cue(self, turn: int) -> str:
        return self._text("cue" if turn == 1 else "cue_next", round=turn, rounds=self.rounds)

    @lru_cache(maxsize=256)  # noqa: B019
    def _judge_opening(self, question: Question, order: tuple[int, ...]) -> Prompt:
        """A judge's first messages. ``question`` is censored."""
        system = self._text("judge_system")
        if self.quotes and self.show != "arguments":
            system += " " + self._text("judge_quotes")
        text = self._text("judge_question", question=inline(question.text), answers=labelled(question.options, order))
        return Message("system", system), Message("user", text)

    def _expert(self, role: str, question: Question, own: int, heading: str) -> Conversation:
        """The chat of an expert who argues for option ``own``; ``heading`` stands over what others say."""
        return Conversation(self._opening(question, own), role, lambda _: self._text(heading), self._expert_cue)

    def _judge(
        self, question: Question, order: tuple[int, ...], sides: Mapping[str, int], cue: Callable[[int], str]
    ) -> Conversation:
        """The chat of a judge who reads the answers in ``order``."""

        def heading(statement: Statement) -> str:
            side = sides[statement.role]
            return self._text("judge_heading", label=LABELS[order.index(side)], option=inline(question.options[side]))

        opening = self._judge_opening(question.censored(), order)
        return Conversation(opening, "judge_0", heading, cue, self.show)

    def _views(
        self,
        question: Question,
        turns: Iterable[Sequence[Statement]],
        order: tuple[int, ...],
        sides: Mapping[str, int],
        cue: Callable[[int], str],
    ) -> tuple[View, ...]:
        """The case as the judge reads it, in ``order`` and, with ``both_orders``, the other way round as well.

        Simultaneous speeches are read in the order of their answers' letters.
        """

        def view(labels: tuple[int, ...]) -> View:
            judge = self._judge(question, labels, sides, cue)
            for turn in turns:
                judge.hear(sorted(turn, key=lambda s: labels.index(sides[s.role]) if s.role in sides else 0))
            return View(judge.prompt, labels)

        return tuple([view(labels) for labels in ((order, order[::-1]) if self.both_orders else (order,))])
