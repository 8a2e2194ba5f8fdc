"""Turning the queue: players in this process in step, asynchronous ones in the background, in one loop.

Asynchronous players run in one event loop of their own thread, so they work in scripts, in ``env.step`` and in
notebooks (where a loop is running already) alike; while they are on their way, batches go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, Literal

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Unanswerable, answer_asks, check_reply
from oversight_envs.core.usage import Answer, Spent
from oversight_envs.play.queue import Batch, Queue

OnFailure = Literal["raise", "record"]


def drive(
    episodes: Iterable[tuple[Episode, Mapping[str, Any]]],
    *,
    concurrency: int | None = None,
    on_failure: OnFailure = "raise",
    watch: Callable[[Batch], AbstractContextManager[Any]] = lambda batch: nullcontext(),
    warned: set[int] | None = None,
    on_spent: Callable[[Episode, str, Spent], None] = lambda episode, role, spent: None,
) -> Iterator[Episode]:
    """Plays episodes with their players until each is over or waits for an agent; yields those that are over.

    Args:
        episodes: each with its players. They are begun as there is room. An iterator that has none left is asked
            again while others are played: there may be new ones.
        concurrency: how many are in flight; None: all.
        on_failure: what happens when a player raises. ``raise``: the exception passes through, and the episodes stay
            where they were. ``record``: a batch that failed is asked in parts, and the episodes whose own ask failed
            end as ``failed``, with the reason, while the others go on. In either case an episode that has grown too
            long for a player (``Unanswerable``) ends as ``truncated``, by itself.
        watch: a context around each call to a player, for whoever shows what is going on.
        warned: see ``Queue``.
        on_spent: called with the episode, the role and what it cost, where an asynchronous player says so.
    """
    one_of("on_failure", on_failure, ("raise", "record"))
    if concurrency is not None:
        at_least("concurrency", concurrency, 1)
    queue = Queue(record_failures=on_failure == "record", warned=warned)
    source = iter(episodes)
    background: _Background | None = None
    try:
        while True:
            more = True
            while more and (concurrency is None or len(queue) < concurrency):
                added = next(source, None)
                more = added is not None
                if added is not None:
                    queue.add(*added)
            batch = queue.take()
            if batch is not None and batch.shape == "async":
                background = background or _Background()
                background.start(batch)
            elif batch is not None:
                with watch(batch):
                    _answer(queue, batch, on_failure)
            elif background is not None and background.running:
                background.collect(queue, on_spent)
            else:
                yield from queue.ended()
                if not more or concurrency is None or len(queue) >= concurrency:
                    return
            yield from queue.ended()
    finally:
        if background is not None:
            background.cancel()


def _answer(queue: Queue, batch: Batch, on_failure: OnFailure) -> None:
    try:
        replies = answer_asks(batch.player, batch.asks)
    except Exception as error:
        if on_failure == "raise" and not isinstance(error, Unanswerable):
            raise
        if len(batch.asks) == 1:
            queue.fail(batch, error)
            return
    else:
        queue.give(batch, replies)
        return
    for half in batch.halves():  # whose ask was it?
        _answer(queue, half, on_failure)


class _Background:
    """Asks on their way to asynchronous players."""

    def __init__(self) -> None:
        self._futures: dict[Future[Any], Batch] = {}
        self._arrived: SimpleQueue[Future[Any]] = SimpleQueue()

    @property
    def running(self) -> bool:
        return bool(self._futures)

    def start(self, batch: Batch) -> None:
        future = asyncio.run_coroutine_threadsafe(batch.player.answer(batch.asks[0]), event_loop())
        self._futures[future] = batch
        future.add_done_callback(self._arrived.put)

    def collect(self, queue: Queue, on_spent: Callable[[Episode, str, Spent], None]) -> None:
        """Waits for the next answer, and hands it to the queue."""
        future = self._arrived.get()
        batch = self._futures.pop(future)
        try:
            answered = future.result()
            if isinstance(answered, Answer):
                on_spent(batch.owners[0].episode, batch.asks[0].role, answered.spent)
            reply = check_reply(f"{type(batch.player).__qualname__}.answer()", batch.asks[0], answered)
        except Exception as error:
            queue.fail(batch, error)
            return
        queue.give(batch, [reply])

    def cancel(self) -> None:
        for future in self._futures:
            future.cancel()
        self._futures.clear()


@lru_cache(maxsize=1)
def event_loop() -> asyncio.AbstractEventLoop:
    """The one loop in which all asynchronous players run, in a thread of its own that ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="oversight-envs players", daemon=True).start()
    return loop
