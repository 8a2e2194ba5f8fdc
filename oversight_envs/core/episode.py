"""An episode: one game on one question, driven to its end by answers from anywhere.

Rule 1: an episode *is* its log. Question, seed and the replies so far, those of a half-answered request included,
rebuild it by replay, and no model is called; so deepcopy, pickle, branching for best-of-N or tree search, resuming
after a crash and re-judging a saved transcript are all one operation.
Rule 2: what anybody wants to know (who argues what, what was said, decided, scored) is read from it at any moment,
for every game, finished or not.
Rule 3: a reply that can't be one changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oversight_envs.core.answers import DecisionError
from oversight_envs.core.checks import whole
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Outcome, Protocol, Truncated, check_assignment
from oversight_envs.core.question import Question
from oversight_envs.core.requests import Ask, AskContext, Assignment, Decision, Reply, Request, Say, Scored
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Speech, Statement
from oversight_envs.core.verdict import Mark, Verdict


class ReplayError(ValueError):
    """A log does not belong to this game, question and seed: a replayed prompt differs from the logged one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered ask. ``reply`` is None while a decision in words has been ambiguous; ``rejected`` has the texts."""

    index: int
    role: str
    duty: str
    prompt: Prompt
    reply: Reply | None
    rejected: tuple[str, ...] = ()
    text: str | None = None
    """What an agent wrote when it decided or scored in words."""


def assignment(protocol: Protocol, question: Question, seed: int) -> Assignment:
    """What an episode with this seed assigns, without beginning one."""
    return protocol.assign(question.without_truth(), _stream(seed))


def _stream(seed: int) -> np.random.Generator:
    """The draws of a script: first those of ``assign``."""
    return np.random.default_rng(derive_seed(seed, "protocol"))


class Episode:
    """One game in progress.

    ``asks`` are the open questions of the current request; ``answer`` takes one reply. When all are answered the game
    goes on. After the end ``outcome`` is set, or ``truncated`` or ``failed`` says why there is none.

    ``assigned`` is who argues for what. ``transcript``, ``decisions`` and ``scores`` are what was said, decided and
    scored so far, each with its role and its place in the log.

    Raises ValueError or TypeError for a question that the game can't be played on, and for an assignment that names an
    unknown role.
    """

    def __init__(self, protocol: Protocol, question: Question, seed: int, log: Iterable[Entry] = ()) -> None:
        if not isinstance(question, Question):
            raise TypeError(f"question={question!r:.80}: give a Question (task[0] is one)")
        protocol.check_question(question)
        self.protocol = protocol
        self.question = question
        self.seed = seed = whole("seed", seed)
        self.outcome: Outcome | None = None
        self.truncated: str | None = None
        self.failed: str | None = None
        self._transcript: list[Statement] = []
        self._facts: list[Any] = []
        """What the replies came to: statements, decisions, scores."""
        self._private = False
        """Whether anyone has written private notes, or given anything for the record alone (``info``)."""
        self._log: list[Entry | None] = []
        """By index; None for an ask that is still open."""
        self._asks: dict[int, Ask] = {}
        self._base = 0
        self._request: Request | None = None
        self._context: AskContext | None = None
        self._moment = _Moment()
        self._roles = protocol.roles
        self._bare = question.without_truth()
        rng = _stream(seed)
        self.assigned: Assignment = protocol.assign(self._bare, rng)
        check_assignment(protocol.name, self._roles, question, self.assigned)
        self._game = protocol.play(self._bare, self.assigned, rng)
        self._send(None)
        self._replay(log)

    @property
    def asks(self) -> tuple[Ask, ...]:
        """The open asks, in order. Empty once the episode is over."""
        return tuple(self._asks.values())

    @property
    def done(self) -> bool:
        return self.outcome is not None or self.truncated is not None or self.failed is not None

    @property
    def log(self) -> tuple[Entry, ...]:
        """What was answered so far, in the order of the asks (not of the answers)."""
        return tuple([entry for entry in self._log if entry is not None])

    @property
    def transcript(self) -> tuple[Statement, ...]:
        """What was said so far, in order. What is said at once enters together."""
        return tuple(self._transcript)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided so far, in order."""
        return tuple([fact for fact in self._facts if isinstance(fact, Decision)])

    @property
    def scores(self) -> tuple[Scored, ...]:
        """What was scored so far, in order."""
        return tuple([fact for fact in self._facts if isinstance(fact, Scored)])

    def answer(self, ask: Ask, reply: Reply | str) -> None:
        """Takes the reply to one open ask. A string where a verdict or score is due is read as a decision in words.

        Raises ValueError or TypeError for a reply that can't be one; the episode is then as it was.
        """
        if self._asks.get(ask.index) is not ask:
            raise ValueError(f"ask {ask.index} ({ask.role}) is not open in this episode")
        if isinstance(reply, str) and ask.clarify:
            self._answer_in_words(ask, ask.cleaned(reply))
        else:
            self._enter(Entry(ask.index, ask.role, ask.duty, ask.prompt, ask.checked(reply)))

    def fail(self, why: str) -> None:
        """Ends the episode without an outcome, because whoever was asked could not answer."""
        self._end()
        self.failed = why

    def truncate(self, why: str) -> None:
        """Ends the episode without an outcome, because what was said leaves no way to go on."""
        self._end()
        self.truncated = why

    def branch(self, *, unanswered: bool = False) -> Episode:
        """An independent copy at this very point; ``unanswered`` leaves out replies to the request that is still open.

        Who looks ahead should leave them out: roles that speak at once must not hear each other.
        """
        log = [entry for entry in self._log[: self._base] if entry is not None] if unanswered else self.log
        return Episode(self.protocol, self.question, self.seed, log)

    def __deepcopy__(self, memo: dict[int, Any]) -> Episode:
        return self.branch()

    def __reduce__(self) -> tuple[Any, ...]:
        return ended_episode, (self.protocol, self.question, self.seed, self.log, self.truncated, self.failed)

    def _answer_in_words(self, ask: Ask, text: str) -> None:
        """Reads a decision or mark from text. An ambiguous one is asked again once; then the episode is truncated."""
        first = self._log[ask.index]  # the ambiguous first answer, if this is the second
        prompt, rejected = (first.prompt, first.rejected) if first else (ask.prompt, ())
        try:
            reply = ask.read(text)
        except DecisionError:
            self._log[ask.index] = Entry(ask.index, ask.role, ask.duty, prompt, None, (*rejected, text))
            if rejected:
                self.truncated = f"{ask.role} gave two ambiguous answers"
                self._close()
            else:
                again = (*prompt, Message("assistant", text), Message("user", ask.clarify))
                self._asks[ask.index] = replace(ask, prompt=again, draw=1)
            return
        self._enter(Entry(ask.index, ask.role, ask.duty, prompt, reply, rejected, text))

    def _enter(self, entry: Entry) -> None:
        self._log[entry.index] = entry
        del self._asks[entry.index]
        if not self._asks:
            self._send(self._combined())

    def _end(self) -> None:
        if self.done:
            raise ValueError(f"the episode on question {self.question.id!r} is over already")
        if isinstance(self._request, Say):
            self._combined()  # what some have said already
        self._close()

    def _close(self) -> None:
        self._asks.clear()
        self._moment.over = True
        self._game.close()

    def _combined(self) -> object:
        """The current request's replies, in the form in which its script is sent them; enters what they add."""
        assert self._request is not None
        assert self._context is not None
        replies = [None if entry is None else entry.reply for entry in self._log[self._base :]]
        sent, facts = self._request.combined(replies, self._context)
        self._private = self._private or any(getattr(reply, "info", None) for reply in replies)
        self._facts += facts
        for fact in facts:
            if isinstance(fact, Statement):
                self._transcript.append(fact)
                self._private = self._private or bool(fact.private)
        return sent

    def _send(self, reply: object) -> None:
        """Runs the script to its next request and opens that request's asks."""
        self._moment.over = True
        self._base = len(self._log)
        try:
            request = self._game.send(reply)
        except StopIteration as stop:
            outcome = Outcome() if stop.value is None else stop.value
            if not isinstance(outcome, Outcome):
                raise TypeError(f"{self.protocol.name} returned {outcome!r:.200}, which is no Outcome") from None
            if outcome.sides:
                self.assigned = replace(self.assigned, sides={**self.assigned.sides, **outcome.sides})
                check_assignment(self.protocol.name, self._roles, self._bare, self.assigned)
            self.outcome = outcome
            return
        except Truncated as why:
            self.truncated = str(why)
            return
        except Exception as error:  # a script can't be run twice from here
            self.failed = f"{self.protocol.name}: {type(error).__name__}: {error}"
            raise
        if not isinstance(request, Request):
            raise TypeError(f"{self.protocol.name} yielded {request!r:.200}, which is not a Say, Decide or Score")
        self._moment = _Moment()
        self._request = request
        self._context = AskContext(
            self.protocol.name,
            self._base,
            self.seed,
            self._bare,
            self._roles,
            self.assigned,
            self._transcript,
            self._look_ahead,
        )
        asks = request.asks(self._context)
        if not asks:
            raise ValueError(f"{self.protocol.name} yielded a request that asks nobody: {request!r:.200}")
        self._asks = {ask.index: ask for ask in asks}
        self._log.extend([None] * len(asks))

    def _look_ahead(self, role: str) -> LookAhead:
        log = tuple(self._log[: self._base])
        if self._private:
            private = {s.index: s for s in self._transcript if s.private}
            log = tuple([_public(e, private.get(e.index)) if e is not None and e.role != role else e for e in log])
        return LookAhead(self.protocol, self._bare, self.seed, log, self._moment)

    def _replay(self, log: Iterable[Entry], trusted: bool = False) -> None:
        for entry in log:
            ask = self._asks.get(entry.index)
            same = ask is not None and ask.role == entry.role
            if ask is None or not same or not (trusted or _same(ask.prompt, entry.prompt)):
                raise ReplayError(
                    f"entry {entry.index} of the log ({entry.role}) is not what {self.protocol.name} asks here"
                    + (f" ({ask.role}, or the same role with another prompt)" if ask else "")
                )
            for text in (*entry.rejected, *([] if entry.text is None else [entry.text])):
                self._answer_in_words(self._asks[entry.index], text)
            if entry.text is None and entry.reply is not None:
                # the reply was checked when it was given; its ask's own prompt stands, token ids included
                self._enter(entry if not trusted else replace(entry, prompt=ask.prompt))


class _Moment:
    """One request of an episode, shared by the handles that were given out with it."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = False


@dataclass(frozen=True, slots=True, eq=False)
class LookAhead:
    """A handle to what could become of an episode, for a player that is to speak.

    It holds a copy of the log, without the truth and without other roles' private notes, and nothing of the episode
    itself: whatever is done with it, the episode stays as it is.
    """

    _protocol: Protocol
    _question: Question
    _seed: int
    _log: tuple[Entry | None, ...]
    _moment: _Moment

    def branch(self) -> Episode:
        """A truthless copy of the episode at the request that is being answered, with none of its answers.

        Raises RuntimeError once the episode has gone on.
        """
        if self._moment.over:
            raise RuntimeError(
                f"the episode on question {self._question.id!r} has gone on since this turn: branch() while you answer"
            )
        episode = Episode(self._protocol, self._question, self._seed)
        episode._replay([entry for entry in self._log if entry is not None], trusted=True)
        return episode


def ended_episode(
    protocol: Protocol, question: Question, seed: int, log: Iterable[Entry], truncated: str | None, failed: str | None
) -> Episode:
    """The episode of a log that ended as is said here, if the log itself does not say so.

    Raises ReplayError for a log of another game.
    """
    episode = Episode(protocol, question, seed, log)
    if truncated is not None and not episode.done:
        episode.truncate(truncated)
    if failed is not None and not episode.done:
        episode.fail(failed)
    return episode


def _public(entry: Entry, statement: Statement | None) -> Entry:
    """What others may know of an entry: no prompt, nothing beside the reply, and of a speech the public part."""
    reply = Speech(statement.spoken) if statement is not None else entry.reply
    if isinstance(reply, Mark):
        reply = float(reply)
    elif isinstance(reply, (Speech, Verdict)) and reply.info:
        reply = replace(reply, info={})
    return replace(entry, prompt=(), reply=reply)


def _same(prompt: Prompt, other: Prompt) -> bool:
    return len(prompt) == len(other) and all(m[:2] == n[:2] for m, n in zip(prompt, other, strict=True))
