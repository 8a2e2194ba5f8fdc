"""Your own questions, from a file with one JSON object a line. Fields and arguments are those of ``lists.py``."""

from __future__ import annotations

from pathlib import Path

from oversight_envs.tasks.files import existing_file, read_jsonl
from oversight_envs.tasks.lists import Columns, ListTask


class JSONL(ListTask):
    """Questions from ``path``; fields and arguments are those of ``ListTask``.

    Order and choice of the options are drawn from the question's id, unless ``shuffle=False``.
    """

    def __init__(
        self,
        path: str | Path,
        split: str = "all",
        *,
        columns: Columns | None = None,
        options: int | None = None,
        shuffle: bool = True,
        count_from: int = 0,
    ) -> None:
        file = existing_file(path)
        super().__init__(
            read_jsonl(file), split,
            columns=columns, options=options, shuffle=shuffle, count_from=count_from, name=file.stem,
        )  # fmt: skip
        self.name = "jsonl"
