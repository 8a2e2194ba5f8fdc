"""Reading JSON-lines files, with errors that name the file and the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs._files import regular_file


class DataError(ValueError):
    """A line of a data file that can't be used; the message starts with ``file:line``."""


class Row(NamedTuple):
    """One JSON object and where it stood (``file:line``)."""

    where: str
    fields: dict[str, Any]

    def text(self, name: str) -> str:
        """The field ``name``, which must be a text with something in it."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{self.where}: field {name!r} must be a non-empty text, not {value!r:.80}")
        return value


def existing_file(path: str | Path) -> Path:
    """``path`` as a Path; raises at once where there is no such file."""
    file = regular_file(Path(path).expanduser())
    if not file.is_file():
        raise FileNotFoundError(f"path={str(path)!r}: no such file (the working directory is {Path.cwd()})")
    return file


def read_jsonl(file: Path | Traversable) -> Iterator[Row]:
    """The rows of a file with one JSON object a line. Empty lines are passed over, but counted."""
    with file.open("rb") as lines:  # bytes: only a newline ends a line, and a bad byte is on a known one
        for number, line in enumerate(lines, start=1):
            where = f"{file}:{number}"
            try:
                fields = json.loads(line.decode("utf-8-sig")) if line.strip() else None
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where}: not a JSON object on a line of its own ({error})") from None
            if not line.strip():
                continue
            if not isinstance(fields, dict):
                raise DataError(f"{where}: a line must be a JSON object, not a {type(fields).__name__}")
            yield Row(where, fields)
