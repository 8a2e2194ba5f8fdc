"""Twelve short passages written for this package, with questions in QuALITY's format: nothing to fetch."""

from __future__ import annotations

from importlib.resources import files

from oversight_envs.tasks.quality import Quality
from oversight_envs.tasks.splits import SPLITS, check_split


class Passages(Quality):
    """The embedded passages. Options and splits are those of ``Quality`` with a path."""

    name = "passages"

    def __init__(
        self, split: str = "all", *, options: int = 2, shuffle: bool = True, max_passage_chars: int | None = None
    ) -> None:
        self.split = check_split(split, ("all", *SPLITS))
        file = files("oversight_envs.tasks") / "data" / "passages.jsonl"
        self._load([file], split, options, shuffle, difficult_only=False, max_passage_chars=max_passage_chars)
