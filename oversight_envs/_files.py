"""Files that runs keep: written whole or not at all, read up to where a kill cut them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` beside ``path`` and moves it into place: a kill leaves the old file or the new one."""
    part = path.with_name(f".unfinished-{path.name}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def complete_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a file of JSON with their numbers from 1; a last line that a kill cut short is left out.

    A last line without a newline counts if it is whole. Raises ValueError, with the line number, for what is no UTF-8.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n") or is_complete(line):
                try:
                    yield number, line.decode()
                except UnicodeDecodeError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error


def is_complete(line: bytes) -> bool:
    """Whether this is a whole JSON object: no beginning of one is."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
