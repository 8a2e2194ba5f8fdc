"""``episodes.jsonl``: an append-only file of finished episodes, one JSON line each.

A line is written in one go and flushed before the next episode is touched, so a kill at any moment costs at most the
line being written; what is left of it is cut off when the file is opened again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from oversight_envs._files import complete_lines
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.record_json import as_json


class StoreError(RuntimeError):
    """The file can't be used or written: another run's, damaged, or the disk is full. Nothing finished is lost."""


def read_episodes(path: str | Path) -> Iterator[Record]:
    """The records of a file; a cut last line is skipped. Raises ValueError with the line number for a malformed one."""
    for number, line in complete_lines(path):  # an episode that was cut short is played again on resume
        try:
            yield Record.from_json(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error


class EpisodeStore:
    """Appends records to a file and knows which episodes it holds. ``identity`` is what all of them must share.

    Opening a file of another identity (protocol, options, players, task, rule) raises StoreError: results of different
    configurations are never pooled. Only one process may write a file.
    """

    def __init__(self, path: str | Path, identity: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._records: dict[tuple[str, int], Record] = {}
        if self.path.exists():
            for record in read_episodes(self.path):
                _same_identity(self.path, identity, identity_of(record))
                self._records[record.question.id, record.seed] = record
            self._cut_partial_line()
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  closed by close()

    def append(self, record: Record) -> None:
        """Writes one finished episode. Raises StoreError, the file as before, when the disk is full."""
        line = (record.to_json() + "\n").encode()
        start = os.fstat(self._file.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            os.truncate(self.path, start)
            raise StoreError(
                f"{self.path}: {error.strerror}; {len(self._records)} finished episodes are kept, and the same command "
                "goes on from them once there is space"
            ) from error
        self._records[record.question.id, record.seed] = record

    def find(self, question: Question, seed: int) -> Record | None:
        """The finished episode on this question under this seed; StoreError if the question has changed since."""
        record = self._records.get((question.id, seed))
        if record is not None and replace(record.question, metadata={}) != replace(question, metadata={}):
            raise StoreError(f"{self.path} holds question {question.id!r} with another text: give another path")
        return record

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> EpisodeStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _cut_partial_line(self) -> None:
        with open(self.path, "rb+") as file:
            file.seek(0, os.SEEK_END)
            end = position = file.tell()
            while position > 0:
                step = min(position, 1 << 16)
                file.seek(position - step)
                newline = file.read(step).rfind(b"\n")
                if newline >= 0:
                    position = position - step + newline + 1
                    break
                position -= step
            if position < end:
                file.truncate(position)


def identity_of(record: Record) -> dict[str, Any]:
    """What two records must share to stand in one file."""
    return {
        "protocol": record.protocol,
        "config": dict(record.config),
        "players": dict(record.players),
        "task": record.task,
        "rule": record.rule,
    }


def _same_identity(path: Path, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if as_json(found[key]) != as_json(value):
            raise StoreError(
                f"{path} holds episodes with another {key}: {found[key]!r:.300}; this run has {value!r:.300}. "
                "Give another path, or the options of the earlier run"
            )
