"""One check of what is given as records."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from oversight_envs.core.record import Record


def as_records(records: Any, argument: str = "records") -> list[Record]:
    """The records as a list. Raises TypeError, naming the argument and the fix, for anything else."""
    if isinstance(records, str | os.PathLike):
        raise TypeError(f"{argument}={records!r:.80}: give Records; list(read_episodes(path)) reads a file of them")
    if isinstance(records, Record):
        raise TypeError(f"{argument} is one Record: give a list of them, [record]")
    if not isinstance(records, Iterable) or isinstance(records, Mapping):
        raise TypeError(f"{argument}={records!r:.80}: give a list of Records, as rollout returns")
    found = list(records)
    for record in found:
        if not isinstance(record, Record):
            raise TypeError(f"{argument} holds {record!r:.80}: give Records, as rollout and read_episodes do")
    return found
