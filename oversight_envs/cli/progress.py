"""How far a long run is: bars in a terminal, a line now and then where output goes to a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

EVERY = 30.0
"""Seconds between two lines on one run, where there is no terminal."""

Tell = Callable[[str, int, int, str], None]
"""Called with a run's name, steps done, steps in all, and what else to say of it."""


@contextmanager
def progress(console: Console) -> Iterator[Tell]:
    """Shows the progress of one run or of several, as they are named first."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        known: dict[str, TaskID] = {}

        def tell(name: str, done: int, total: int, said: str = "") -> None:
            if name not in known:
                known[name] = bars.add_task(name, total=total)
            bars.update(known[name], completed=done, description=f"{name}: {said}" if said else name)

        yield tell


class _Lines:
    """A line for a run's first news, its last, and those in between that come ``EVERY`` seconds after another."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def __call__(self, name: str, done: int, total: int, said: str = "") -> None:
        now = time.monotonic()
        started = self._started.setdefault(name, now)
        if done < total and now - self._last.get(name, -EVERY) < EVERY:
            return
        self._last[name] = now
        took = int(now - started)
        line = f"{name}: {done}/{total}, {took // 60}:{took % 60:02}" + (f", {said}" if said else "")
        self._console.print(line, soft_wrap=True)
