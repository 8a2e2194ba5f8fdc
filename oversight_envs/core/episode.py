"""An episode: one game on one question, driven to its end by answers from anywhere.

An episode *is* its log. Question, seed and the replies so far, those of a half-answered request included, rebuild it
by replay, and no model is called; so deepcopy, pickle, branching for best-of-N or tree search, resuming after a crash
and re-judging a saved transcript are all one operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oversight_envs.core.answers import CLARIFY, DecisionError, parse_decision, parse_score
from oversight_envs.core.players import Ask, Case, Solution, Turn
from oversight_envs.core.prompt import MAX_TEXT, Message, Prompt, clean_text
from oversight_envs.core.protocol import (
    LABELS,
    Decide,
    Decision,
    Outcome,
    Protocol,
    Request,
    Say,
    Score,
    Speech,
    Verdict,
)
from oversight_envs.core.question import Question
from oversight_envs.core.seeding import derive_seed

Reply = Speech | Verdict | float


class ReplayError(ValueError):
    """A log does not belong to this game, question and seed: a replayed prompt differs from the logged one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered ask. ``reply`` is None while a decision in words has been ambiguous; ``rejected`` has the texts."""

    index: int
    role: str
    prompt: Prompt
    reply: Reply | None
    rejected: tuple[str, ...] = ()
    text: str | None = None
    """What an agent wrote when it decided or scored in words."""


class Episode:
    """One game in progress.

    ``asks`` are the open questions of the current request; ``answer`` takes one reply. When all are answered the game
    goes on. After the end ``outcome`` is set, or ``truncated`` says why there is none.
    """

    def __init__(self, protocol: Protocol, question: Question, seed: int, log: Iterable[Entry] = ()) -> None:
        protocol.check_question(question)
        self.protocol = protocol
        self.question = question
        self.seed = seed
        self.outcome: Outcome | None = None
        self.truncated: str | None = None
        self._log: dict[int, Entry] = {}
        self._asks: dict[int, Ask] = {}
        self._base = self._next = 0
        self._request: Request | None = None
        self._game = protocol.play(question.without_truth(), np.random.default_rng(derive_seed(seed, "protocol")))
        self._send(None)
        self._replay(log)

    @property
    def asks(self) -> tuple[Ask, ...]:
        """The open asks, in order. Empty once the episode is over."""
        return tuple(self._asks.values())

    @property
    def done(self) -> bool:
        return self.outcome is not None or self.truncated is not None

    @property
    def log(self) -> tuple[Entry, ...]:
        """What was answered so far, in the order of the asks (not of the answers)."""
        return tuple(entry for _, entry in sorted(self._log.items()))

    def answer(self, ask: Ask, reply: Reply | str) -> None:
        """Takes the reply to one open ask. A string where a verdict or score is due is parsed as a decision in words.

        Raises ValueError or TypeError for a reply that can't be one; the episode is then as it was.
        """
        if self._asks.get(ask.index) is not ask:
            raise ValueError(f"ask {ask.index} ({ask.role}) is not open in this episode")
        if isinstance(ask, Turn):
            speech = Speech(reply) if isinstance(reply, str) else reply
            if not isinstance(speech, Speech):
                raise TypeError(f"{ask.role} must say a string or a Speech, not {reply!r:.200}")
            self._enter(Entry(ask.index, ask.role, ask.prompt, _checked(speech, ask.role)))
        elif isinstance(reply, str):
            self._answer_in_words(ask, clean_text(_bounded(reply, ask.role)))
        else:
            self._enter(Entry(ask.index, ask.role, ask.prompt, reply))

    def branch(self, *, unanswered: bool = False) -> Episode:
        """An independent copy at this very point; ``unanswered`` leaves out replies to the request that is still open.

        Who looks ahead should leave them out: roles that speak at once must not hear each other.
        """
        log = [entry for entry in self.log if entry.index < self._base] if unanswered else self.log
        return Episode(self.protocol, self.question, self.seed, log)

    def __deepcopy__(self, memo: dict[int, Any]) -> Episode:
        return self.branch()

    def __reduce__(self) -> tuple[Any, ...]:
        return Episode, (self.protocol, self.question, self.seed, self.log)

    def _answer_in_words(self, ask: Ask, text: str) -> None:
        """Reads a decision or mark from text. An ambiguous one is asked again once; then the episode is truncated."""
        first = self._log.get(ask.index)  # the ambiguous first answer, if this is the second
        prompt, rejected = (first.prompt, first.rejected) if first else (ask.prompt, ())
        try:
            reply: Reply = parse_decision(text, ask.labels) if isinstance(ask, Case) else parse_score(text)
        except DecisionError:
            self._log[ask.index] = Entry(ask.index, ask.role, prompt, None, (*rejected, text))
            if rejected:
                self._end(f"{ask.role} gave two ambiguous answers")
            else:
                again = (*prompt, Message("assistant", text), Message("user", CLARIFY[type(ask).__name__]))
                self._asks[ask.index] = replace(ask, prompt=again, draw=1)
            return
        self._enter(Entry(ask.index, ask.role, prompt, reply, rejected, text))

    def _enter(self, entry: Entry) -> None:
        self._log[entry.index] = entry
        del self._asks[entry.index]
        if not self._asks:
            self._send(self._combined())

    def _end(self, why: str) -> None:
        self.truncated = why
        self._asks.clear()
        self._game.close()

    def _send(self, reply: object) -> None:
        """Runs the script to its next request and opens that request's asks."""
        self._base = self._next
        try:
            request = self._game.send(reply)
        except StopIteration as stop:
            self.outcome = stop.value
            self._request = None
            return
        self._request = request
        if isinstance(request, Say):
            asks: list[Ask] = [
                Turn(role, prompt, self._base + i, self) for i, (role, prompt) in enumerate(request.prompts.items())
            ]
        elif isinstance(request, Decide):
            labels = tuple(LABELS[: len(request.options)])
            asks = [
                Case(
                    request.role,
                    view.prompt,
                    self._base + i,
                    self,
                    labels=labels,
                    options=tuple(request.options[option] for option in view.order),
                )
                for i, view in enumerate(request.views)
            ]
        elif isinstance(request, Score):
            asks = [
                Solution(request.role, request.prompt, self._base, self, problem=request.problem, text=request.solution)
            ]
        else:
            raise TypeError(f"{self.protocol.name} yielded {request!r:.200}, which is not a Say, Decide or Score")
        if not asks:
            raise ValueError(f"{self.protocol.name} yielded a request that asks nobody: {request!r:.200}")
        self._asks = {ask.index: ask for ask in asks}
        self._next = self._base + len(asks)

    def _combined(self) -> object:
        """The current request's replies, in the form in which its protocol is sent them."""
        request = self._request
        entries = [self._log[index] for index in range(self._base, self._next)]
        if isinstance(request, Say):
            return {entry.role: entry.reply for entry in entries}
        if isinstance(request, Decide):
            verdicts = [entry.reply for entry in entries if isinstance(entry.reply, Verdict)]
            return combine_views(verdicts, [view.order for view in request.views])
        return entries[0].reply

    def _replay(self, log: Iterable[Entry]) -> None:
        for entry in log:
            ask = self._asks.get(entry.index)
            if ask is None or ask.role != entry.role or not _same(ask.prompt, entry.prompt):
                raise ReplayError(
                    f"entry {entry.index} of the log ({entry.role}) is not what {self.protocol.name} asks here"
                    + (f" ({ask.role}, or the same role with another prompt)" if ask else "")
                )
            for text in (*entry.rejected, *([] if entry.text is None else [entry.text])):
                self._answer_in_words(self._asks[entry.index], text)
            if entry.text is None and entry.reply is not None:
                self._enter(entry)


def _checked(speech: Speech, role: str) -> Speech:
    text = clean_text(_bounded(speech.text, role))
    return speech if text == speech.text else replace(speech, text=text, token_ids=(), log_probs=())


def _bounded(text: str, role: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"{role} said {len(text):,} characters; the most is {MAX_TEXT:,}")
    return text


def _same(prompt: Prompt, other: Prompt) -> bool:
    return [m[:2] for m in prompt] == [m[:2] for m in other]


def combine_views(verdicts: list[Verdict], orders: list[tuple[int, ...]]) -> Decision:
    """Averages log-probabilities over the views, in the options' own order, and normalises.

    For two options this is the mean of the log-odds, in which a constant preference for a label cancels when both
    orders were judged.
    """
    if len(verdicts) == 1 and orders[0] == tuple(range(len(orders[0]))):
        return Decision(verdicts[0], tuple(verdicts), tuple(orders))
    total = [0.0] * len(orders[0])
    for verdict, order in zip(verdicts, orders, strict=True):
        for log_prob, option in zip(verdict.log_probs, order, strict=True):
            total[option] += log_prob / len(verdicts)
    log_probs = np.array(total) - np.logaddexp.reduce(total)
    masses = [verdict.mass for verdict in verdicts if verdict.mass is not None]
    mass = sum(masses) / len(masses) if masses else None
    return Decision(Verdict(tuple(float(p) for p in log_probs), mass), tuple(verdicts), tuple(orders))


def correctness(question: Question, outcome: Outcome, check: Any) -> Mapping[str, bool]:
    """Role -> whether what it argued for, or its final answer, is right. Empty where the truth is unknown."""
    if question.truth is None:
        return {}
    argued = {role: side == question.truth for role, side in outcome.sides.items()}
    solved = {role: bool(check(question, answer)) for role, answer in outcome.answers.items()}
    return {**argued, **solved}
