"""Values packed into a page: compressed JSON in blocks, which the page's script opens one by one as they are needed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

BLOCK = 200_000
"""Characters of JSON from which a block is closed: some fifty debates, opened in a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Block:
    """A list of values, the first of which is number ``start`` of all: gzip of its JSON, in base64."""

    start: int
    data: str


def pack(values: Iterable[Any]) -> list[Block]:
    """The values in blocks, in their order."""
    blocks: list[Block] = []
    held: list[str] = []
    start = size = 0
    for number, value in enumerate(values):
        held.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        size += len(held[-1])
        if size >= BLOCK:
            blocks.append(_block(start, held))
            held, start, size = [], number + 1, 0
    return [*blocks, _block(start, held)] if held else blocks


def _block(start: int, held: list[str]) -> Block:
    text = f"[{','.join(held)}]".encode(errors="replace")  # half a surrogate pair is no text
    return Block(start, base64.b64encode(gzip.compress(text, 9, mtime=0)).decode())
