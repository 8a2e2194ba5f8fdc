"""Answers on disk, so that a run repeated costs nothing and is the same.

Kept in SQLite, by the standard library: it survives kills, serves several processes, and needs nobody's package.
(``diskcache`` and ``sqlitedict`` had their last releases in 2023 and 2022 and unpickle what they find; ``hishel``
caches by the rules of HTTP, in which a POST is not repeated.)
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import threading
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from oversight_envs.core.players import PlayerError
from oversight_envs.models.api.answers import ChatAnswer

_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, digest TEXT NOT NULL)"


class CacheError(PlayerError):
    """The cache can't be opened, read or written."""


class AnswerCache:
    """A file of answers by what determined them: model, address, messages, sampling and seed; never a key.

    An entry that is broken is as if it weren't there: it is asked for again. Raises CacheError for a file that can't be
    opened or is none of ours, and when it can't be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")  # a power cut may cost the last answers, no more
            self._database.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from None

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process of this machine the same file; on another machine none: SQLite can't share it there."""
        return _reopened, (str(self.path.absolute()), platform.node())

    def get(self, request: Mapping[str, Any]) -> ChatAnswer | None:
        """The answer to this request; None where there is none, or it can't be trusted."""
        try:
            with self._lock:
                row = self._database.execute(
                    "SELECT answer, digest FROM answers WHERE key = ?", (_digest(_plain(request)),)
                ).fetchone()
        except sqlite3.Error as error:
            raise self._error(error) from None
        if row is None or not isinstance(row[0], str) or row[1] != _digest(row[0]):
            return None
        try:
            return ChatAnswer.from_json(row[0])
        except (ValueError, TypeError, KeyError):  # of another version of this library
            return None

    def put(self, request: Mapping[str, Any], answer: ChatAnswer) -> None:
        line = answer.to_json()
        try:
            with self._lock:
                self._database.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (_digest(_plain(request)), line, _digest(line))
                )
        except sqlite3.Error as error:
            raise self._error(error) from None

    def close(self) -> None:
        self._database.close()

    def _error(self, error: Exception) -> CacheError:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        return CacheError(
            f"the cache of answers {os.fspath(self.path)} can't be used ({why}): remove it, give a folder that can be "
            "written, or play without one"
        )


def _reopened(path: str, machine: str) -> AnswerCache | None:
    return AnswerCache(path) if platform.node() == machine else None


def _plain(request: Mapping[str, Any]) -> str:
    return json.dumps(request, sort_keys=True, ensure_ascii=True)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=20).hexdigest()
