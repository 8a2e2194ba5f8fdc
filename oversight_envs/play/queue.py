"""One queue for everything that is asked, itself without I/O.

Episodes wait in it. ``take()`` hands out which player is asked what; ``give()`` takes the replies, ``fail()`` an error.
Whoever turns it (``drive.py``) decides how players are called: this module calls none.

Rule 1: all that waits for one player, of one kind, is one batch, whatever role, episode or game it comes from.
Rule 2: turns to speak go before decisions, and then the largest batch first: so that decisions gather.
Rule 3: an episode's asks are handed out once all of them are for players: while an agent is to act, nobody answers.
Rule 4: a player made of players costs nothing special: what it consults waits with everything else.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import CannotPlay, Consult, PlayerError, Shape, Unanswerable, check_reply, shape
from oversight_envs.core.requests import Ask, Reply
from oversight_envs.core.verdict import LOW_MASS, Verdict


@dataclass(slots=True, eq=False)
class _Compound:
    """A player made of players at work on one ask; ``replies`` fill up while it waits for what it consults."""

    work: Generator[Consult, list[Any], Any]
    player: Any
    ask: Ask
    owner: _Owner
    waiting: int = 0
    replies: list[Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Owner:
    """Where a reply goes: to an ask of an episode, or to a place among a compound player's replies."""

    episode: Episode
    compound: _Compound | None = None
    place: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Asks of one kind for one player. A player that answers asynchronously gets its asks one by one."""

    player: Any
    asks: list[Ask]
    shape: Shape
    owners: list[_Owner]

    def halves(self) -> tuple[Batch, Batch]:
        """The same asks in two batches."""
        k = len(self.asks) // 2
        first = Batch(self.player, self.asks[:k], self.shape, self.owners[:k])
        return first, Batch(self.player, self.asks[k:], self.shape, self.owners[k:])


class Queue:
    """Episodes and who plays them; see the module's rules.

    With ``record_failures`` an episode whose player raises ends as failed, unless the player says that it can't play at
    all (``CannotPlay``); otherwise the exception passes through. ``warned`` are the ids of players whose verdicts were
    warned about, for runs of several queues.
    """

    def __init__(self, *, record_failures: bool = False, warned: set[int] | None = None) -> None:
        self._record_failures = record_failures
        self._warned = set() if warned is None else warned
        self._players: dict[int, Mapping[str, Any]] = {}
        self._episodes: dict[int, Episode] = {}
        self._waiting: dict[tuple[int, type[Ask]], Batch] = {}
        self._asynchronous: deque[Batch] = deque()
        self._shapes: dict[int, tuple[Any, Shape]] = {}
        """By the player's id, with the player: an id alone may come to be another's."""
        self._ended: list[Episode] = []

    def __len__(self) -> int:
        """Episodes that are not over, those that wait for an agent included."""
        return len(self._episodes)

    def add(self, episode: Episode, players: Mapping[str, Any]) -> None:
        """Takes in an episode; roles that are not in ``players`` are agents, who answer it from outside."""
        self._episodes[id(episode)] = episode
        self._players[id(episode)] = players
        self._open(episode)

    def take(self) -> Batch | None:
        """The next batch, out of the queue; None while nothing waits. Give its replies back."""
        if self._asynchronous:  # these don't keep anyone waiting
            return self._asynchronous.popleft()
        if len(self._waiting) <= 1:
            return self._waiting.popitem()[1] if self._waiting else None
        key = max(self._waiting, key=lambda key: (key[1].duty == "say", len(self._waiting[key].asks)))
        return self._waiting.pop(key)

    def give(self, batch: Batch, replies: Sequence[Any]) -> None:
        """Takes a batch's replies, in the order of its asks. Warns, once for a player, of verdicts that say little."""
        if id(batch.player) not in self._warned and any(map(_says_little, replies)):
            self._warned.add(id(batch.player))
            warnings.warn(_little(batch), stacklevel=2)  # the same text again in a later run: shown once by default
        for ask, owner, reply in zip(batch.asks, batch.owners, replies, strict=True):
            if not owner.episode.done:  # it may have failed by another ask meanwhile
                self._deliver(ask, owner, reply)

    def fail(self, batch: Batch, error: Exception) -> None:
        """Ends the episode of a batch of one, whose player could not answer: as truncated where it is too long by what
        was said, else as failed. Raises ``error`` again where failures are not to be recorded."""
        (ask,), (owner,) = batch.asks, batch.owners
        self._fail(owner.episode, ask.role, error)

    def ended(self) -> Iterator[Episode]:
        """The episodes that have ended since this was last asked."""
        ended, self._ended = self._ended, []
        yield from ended

    def _open(self, episode: Episode) -> None:
        """Puts the episode's new asks among what waits, if all of them are for players."""
        if episode.done:
            self._end(episode)
            return
        players = self._players[id(episode)]
        asks = episode.asks
        if any(ask.role not in players for ask in asks):
            return
        for ask in asks:
            self._wait(players[ask.role], ask, _Owner(episode))

    def _end(self, episode: Episode) -> None:
        if self._episodes.pop(id(episode), None) is not None:
            del self._players[id(episode)]
            self._ended.append(episode)

    def _fail(self, episode: Episode, role: str, error: Exception) -> None:
        too_long = isinstance(error, Unanswerable) and bool(episode.transcript)
        if not too_long and (not self._record_failures or isinstance(error, CannotPlay | ImportError)):
            raise error  # in the latter case whatever follows would fail as well
        if not episode.done:
            (episode.truncate if too_long else episode.fail)(f"{role}: {type(error).__name__}: {error}")
            self._end(episode)

    def _wait(self, player: Any, ask: Ask, owner: _Owner) -> None:
        if id(player) not in self._shapes:
            self._shapes[id(player)] = player, shape(player)
        how = self._shapes[id(player)][1]
        if how == "compound":
            self._advance(_Compound(player.answer(ask), player, ask, owner), None)
            return
        if how == "async":
            self._asynchronous.append(Batch(player, [ask], how, [owner]))
            return
        key = id(player), type(ask)
        if key not in self._waiting:
            self._waiting[key] = Batch(player, [], how, [])
        self._waiting[key].asks.append(ask)
        self._waiting[key].owners.append(owner)

    def _advance(self, compound: _Compound, replies: list[Any] | None) -> None:
        """Runs a compound player to what it consults next, or to its reply."""
        try:
            consult, reply = self._consulted(compound, replies)
        except Exception as error:
            self._fail(compound.owner.episode, compound.ask.role, error)
            return
        if consult is None:
            self._deliver(compound.ask, compound.owner, reply)
            return
        asks = list(consult.asks)
        compound.waiting, compound.replies = len(asks), [None] * len(asks)
        for place, ask in enumerate(asks):
            self._wait(consult.player, ask, _Owner(compound.owner.episode, compound, place))

    def _consulted(self, compound: _Compound, replies: list[Any] | None) -> tuple[Consult | None, Any]:
        """What the player consults, or None and its reply."""
        where = f"{type(compound.player).__qualname__}.answer()"
        try:
            consult = compound.work.send(replies)  # type: ignore[arg-type]  # the first is None, as generators have it
        except StopIteration as stop:
            return None, check_reply(where, compound.ask, stop.value)
        if not isinstance(consult, Consult) or not consult.asks:
            raise PlayerError(f"{where} yielded {consult!r:.200}, which is not Consult(player, asks) with asks in it")
        return consult, None

    def _deliver(self, ask: Ask, owner: _Owner, reply: Reply) -> None:
        compound = owner.compound
        if compound is not None:
            assert compound.replies is not None
            compound.replies[owner.place] = reply
            compound.waiting -= 1
            if not compound.waiting:
                self._advance(compound, compound.replies)
            return
        episode = owner.episode
        rest = len(episode.asks) > 1
        episode.answer(ask, reply)
        if not rest:
            self._open(episode)


def _says_little(reply: Any) -> bool:
    return isinstance(reply, Verdict) and reply.mass is not None and reply.mass < LOW_MASS


def _little(batch: Batch) -> str:
    return (
        f"{batch.asks[0].role} ({type(batch.player).__qualname__}) gave less than {LOW_MASS:.0%} of its probability to "
        "the labels of a verdict: it hardly took the question as a choice, and its verdicts say little; see "
        "Verdict.mass, and check the model's chat template, whether it thinks first (MODEL?enable_thinking=false), and "
        "the wording"
    )
