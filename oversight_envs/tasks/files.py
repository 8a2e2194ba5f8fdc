"""Reading JSON-lines and CSV files, with errors that name the file, the line and the field."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs._files import regular_file


class DataError(ValueError):
    """A line of a data file that can't be used; the message starts with ``file:line``."""


class Row(NamedTuple):
    """One JSON object, or one row of a table, and where it stood (``file:line``)."""

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
    """The rows of a file with one JSON object a line. Empty lines are passed over, but counted.

    A field that stands twice, NaN, infinity and lone surrogates are refused: what reads the file next would differ.
    """
    with file.open("rb") as lines:  # bytes: only a newline ends a line, and a bad byte is on a known one
        for number, line in enumerate(lines, start=1):
            where = f"{file}:{number}"
            if not line.strip():
                continue
            try:
                fields = json.loads(
                    line.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_number, parse_float=_number
                )
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where}: not a JSON object on a line of its own ({error})") from None
            if not isinstance(fields, dict):
                raise DataError(f"{where}: a line must be a JSON object, not a {type(fields).__name__}")
            if b"\\u" in line:
                check_values(where, fields)
            yield Row(where, fields)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"field {twice!r} stands twice: take one out")
    return fields


def _number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no finite number: write null where a value is unknown")
    return number


def check_values(where: str, fields: dict[str, Any]) -> None:
    """Raises DataError, naming the field, for what is no JSON value: NaN, a lone surrogate, an object of some class."""
    for key, value in fields.items():
        try:
            json.dumps([key, value], allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            why = "a lone surrogate" if isinstance(error, UnicodeEncodeError) else str(error)
            raise DataError(
                f"{where}: field {key!r} has {value!r:.80}, which is no JSON value ({why}): give text, finite numbers, "
                "lists or objects, null where a value is unknown, or leave the field out"
            ) from None


def read_csv(file: Path, delimiter: str = ",") -> Iterator[Row]:
    """The rows of a CSV file in UTF-8 whose first line names the columns. An empty cell is None."""
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}:{line}: not UTF-8 ({error.reason}): save the file as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        where = f"{file}:{reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{where}: no row of a CSV file with {delimiter!r} between cells ({error})") from None
        if cells is None:
            break
        if header is None:
            header = [cell.strip() for cell in cells]
            for name in header:
                if not name or header.count(name) > 1:
                    raise DataError(f"{where}: column {name!r} stands twice or has no name: name each column")
        elif cells:
            if len(cells) != len(header):
                raise DataError(
                    f"{where}: {len(cells)} cells under {len(header)} names: quote a cell that has {delimiter!r} in it"
                )
            yield Row(where, {name: cell if cell.strip() else None for name, cell in zip(header, cells, strict=True)})
    if header is None:
        raise DataError(f"{file}:1: an empty file: its first line must name the columns")
