"""Files that runs keep: written whole or not at all, read up to where a kill cut them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNFINISHED = ".unfinished-"
"""How the name of a file or folder begins while it is being written; what a kill leaves of it may be removed."""


def cache_folder() -> Path:
    """Where what was downloaded or converted is kept for this user. It may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oversight-envs"


def regular_file(path: str | Path) -> Path:
    """``path``, where there is a file or nothing yet.

    Raises ValueError for a folder, a device or a pipe, which would be read without end or swallow what is written.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device, pipe or socket"
        raise ValueError(f"{path} is {kind}, not a file: give the path of a file")
    return path


def make_folder(path: str | Path) -> Path:
    """``path`` as a folder, made where it is missing. Raises ValueError where it, or what it is to be in, is a file."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{path} can't be a folder ({error}): give another path") from error
    return path


def remove(path: Path) -> None:
    """Removes a file or a folder, whichever is there; nothing where there is neither."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` beside ``path`` and moves it into place: a kill leaves the old file or the new one."""
    part = regular_file(path).with_name(f"{UNFINISHED}{path.name}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def complete_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a file of JSON with their numbers from 1; a last line that a kill cut short is left out.

    A last line without a newline counts if it is whole. Raises ValueError, with the line number, for what is no UTF-8,
    and for what is no regular file.
    """
    with open(regular_file(path), "rb") as file:
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


def json_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a file with one JSON object a line. Raises ValueError, with the line number, for anything else."""
    for number, line in complete_lines(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path}, line {number}: a row must be a JSON object, not {row!r:.80}")
        yield row
