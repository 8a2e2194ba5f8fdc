"""``episodes.jsonl``: an append-only file of finished episodes, one JSON line each.

A line is written in one go and flushed before the next episode is touched, so a kill at any moment costs at most the
line being written; what is left of it is cut off when the file is opened again.

Failed episodes are played again by the next run, so they are not among the finished ones: they stand in a file of their
own, ``episodes.jsonl.failed``, which the next run begins anew.

Of a stored episode only the replies are believed: the game is played again with them (no player is called), which fails
if it would ask anything else today. Whether the players would still say the same is known by their fingerprints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from oversight_envs._files import complete_lines, is_complete
from oversight_envs.core.episode import Episode, ReplayError
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.play.identity import FINGERPRINT, first_difference, identity_of


class StoreError(RuntimeError):
    """The file can't be used or written: another run's, damaged, in use, or full. Nothing finished is lost."""


def failed_path(path: str | Path) -> Path:
    """Where the last run on this file of episodes kept those that failed, with the reason; there may be no file."""
    return Path(f"{path}.failed")


def file_name(name: str) -> str:
    """A name of anything as the name of a file, or a part of one; with a digest where it has to be changed."""
    plain = re.sub(r"-vs-|^\.|[^A-Za-z0-9._-]+", "_", name)[:60]
    return plain if plain == name else f"{plain}~{derive_seed(name):016x}"


def read_episodes(path: str | Path) -> Iterator[Record]:
    """The records of a file; a cut last line is skipped.

    Raises ValueError with the line number for a malformed line, and for an episode that the file holds already.
    """
    for _, record in _read(path):
        yield record


def _read(path: str | Path) -> Iterator[tuple[int, Record]]:
    """The records, each with the place in the file where its line begins."""
    seen: dict[tuple[str, str, int], int] = {}
    start = 0
    for number, line in complete_lines(path):  # an episode that was cut short is played again on resume
        try:
            record = Record.from_json(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        key = record.protocol, record.question.id, record.seed
        if key in seen:
            raise ValueError(
                f"{path}, line {number}: question {record.question.id!r} under seed {record.seed} again, as in line "
                f"{seen[key]}: two runs wrote this file; remove one of the lines"
            )
        seen[key] = number
        yield start, record
        start += len(line.encode())


class EpisodeStore:
    """Appends records to a file and finds those that it held before. ``identity`` is what all of them must share.

    Opening a file of another identity (protocol, options, players, task, rule) raises StoreError: results of different
    configurations are never pooled. Players are the same only if their fingerprints are; ``reuse=True`` takes them for
    the same whatever their fingerprints say, and ``reuse=False`` sets the old file aside (``episodes.jsonl.1``) and
    begins anew. One process at a time may have the file open. No record is kept in memory.
    """

    def __init__(self, path: str | Path, identity: Mapping[str, Any], *, reuse: bool | None = None) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._starts: dict[tuple[str, int], int] = {}
        """Where the lines of the episodes begin that were there when the file was opened."""
        self._finished = 0
        self._failed: FileIO | None = None
        self._lock = FileLock(f"{self.path}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(f"{self.path} is in use by another process: wait for it, or give another path") from None
        try:
            self._open(identity, reuse)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, identity: Mapping[str, Any], reuse: bool | None) -> None:
        if self.path.exists() and reuse is False:
            number = 1
            while (aside := self.path.with_name(f"{self.path.name}.{number}")).exists():
                number += 1
            self.path.rename(aside)
        self.players: dict[str, Mapping[str, Any]] = dict(identity["players"])
        """What records are to say of their players."""
        if self.path.exists():
            for start, record in _read(self.path):
                _same_identity(self.path, identity_of(record), identity, reuse)
                if not self._starts and reuse:
                    self.players = dict(record.players)  # the caller vouches that they are the same
                self._starts[record.question.id, record.seed] = start
            self._end_last_line()
        self._finished = len(self._starts)
        failed_path(self.path).unlink(missing_ok=True)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  closed by close()

    def append(self, record: Record) -> None:
        """Writes one episode that has ended, to the file of the failed ones if it has.

        Raises StoreError, the file as before, when the disk is full.
        """
        file = self._file
        if record.failed is not None:
            self._failed = self._failed or open(failed_path(self.path), "ab", buffering=0)  # noqa: SIM115
            file = self._failed
        line = (record.to_json() + "\n").encode()
        start = os.fstat(file.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += file.write(line[written:])
        except OSError as error:
            os.truncate(file.name, start)
            raise StoreError(
                f"{file.name}: {error.strerror}; {self._finished} finished episodes are kept, and the same command "
                "goes on from them once there is space"
            ) from error
        self._finished += record.failed is None

    def find(self, game: Protocol, question: Question, seed: int) -> tuple[Episode, Record] | None:
        """The episode on this question under this seed that was there before, played again from its replies.

        With its record. Raises StoreError if the question or what the game asks has changed since.
        """
        start = self._starts.get((question.id, seed))
        if start is None:
            return None
        with open(self.path, "rb") as file:
            file.seek(start)
            record = Record.from_json(file.readline().decode())
        if replace(record.question, metadata={}) != replace(question, metadata={}):
            raise StoreError(f"{self.path} holds question {question.id!r} with another text: give another path")
        try:
            episode = replace(record, question=question).episode(game)
        except ReplayError as error:
            raise StoreError(
                f"{self.path}, question {question.id!r}: the game or its wording has changed since ({error}). "
                "Give another path, or play anew (reuse=False, --fresh)"
            ) from error
        if not episode.done:
            raise StoreError(
                f"{self.path}, question {question.id!r}: the game has changed since, it goes on where the stored one "
                "ends. Give another path, or play anew (reuse=False, --fresh)"
            )
        return episode, record

    def close(self) -> None:
        self._file.close()
        if self._failed is not None:
            self._failed.close()
        self._lock.release()

    def __enter__(self) -> EpisodeStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _end_last_line(self) -> None:
        """Ends a complete last line that has no newline, and cuts off what is left of a line that a kill cut short."""
        whole = 0
        with open(self.path, "rb+") as file:
            for line in file:
                if line.endswith(b"\n") or is_complete(line):
                    whole += len(line)
            if whole < file.seek(0, os.SEEK_END):
                file.truncate(whole)
            elif whole and not line.endswith(b"\n"):
                file.write(b"\n")


def _same_identity(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any], reuse: bool | None) -> None:
    fix = "Give another path, the options of the earlier run, or play anew (reuse=False, --fresh)"
    there, here = ({**ids, "players": _without_fingerprints(ids["players"])} for ids in (found, wanted))
    if difference := first_difference(there, here):
        raise StoreError(f"{path} holds episodes that were played in another way than this run's: {difference}. {fix}")
    if reuse:
        return
    for role, player in wanted["players"].items():
        stored, own = found["players"][role].get(FINGERPRINT), player.get(FINGERPRINT)
        if stored is None or own is None:
            raise StoreError(
                f"{path} holds episodes, and whether players[{role!r}] played them can't be told: there is "
                "no fingerprint of it. If it is, say so (reuse=True, --reuse); else give another path, or play anew "
                "(reuse=False, --fresh)"
            )
        if stored != own:
            raise StoreError(
                f"{path} holds episodes by another players[{role!r}]: its code, settings or weights have changed. "
                f"{fix}; if it plays just as it did, say so (reuse=True, --reuse)"
            )


def _without_fingerprints(players: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {role: {k: v for k, v in player.items() if k != FINGERPRINT} for role, player in players.items()}
