"""QuALITY: multiple-choice questions about articles of some 5,000 words, written to need a careful reading.

Pang et al., "QuALITY: Question Answering with Long Input Texts, Yes!" (NAACL 2022), https://github.com/nyu-mll/quality,
CC BY 4.0. Debates use it as in Khan et al. 2024 and Michael et al. 2023: debaters read the article, the judge does not,
and two answers are left, the right one and the wrong one that annotators thought best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from oversight_envs.core.prompt import clean_text
from oversight_envs.core.question import Question, Task
from oversight_envs.tasks.files import DataError, Row, existing_file, read_jsonl
from oversight_envs.tasks.hub import official_file
from oversight_envs.tasks.options import shown_options
from oversight_envs.tasks.splits import SPLITS, check_split, rank_splits

OFFICIAL = "https://raw.githubusercontent.com/nyu-mll/quality/main/data/v1.0.1/QuALITY.v1.0.1.htmlstripped."
"""Followed by train or dev. The mirrors on the Hugging Face hub lack the annotators' votes for the best distractor."""


class Quality(Task):
    """QuALITY from a file in the official format (one article a line), or from the official release.

    ``split`` with a ``path``: ``all``, or 15% of the articles as ``test``, 15% as ``validation``, the rest as
    ``train``, by a digest of the article id, so that no article is in two splits (all lines of an article, one for each
    question writer, go together). Without a path: the official ``train`` and dev (``validation``) files, or ``all`` of
    both; the official test file has no answers.

    ``options=2`` keeps the right answer and the annotators' most frequent ``untimed_best_distractor`` (votes for the
    right answer don't count; a tie is drawn by a seed made of the question's id); where nobody voted, a wrong option
    drawn by such a seed. ``options=4`` keeps all. The order is drawn likewise, unless ``shuffle=False`` asks for the
    file's own: otherwise the right answer's place could be learned.

    Questions that can't be used are left out and counted by reason in ``skipped``. The article is kept as it is in the
    file, line breaks, double spaces and curly quotes included, because quotes are checked against it.
    """

    name = "quality"

    def __init__(
        self,
        path: str | Path | None = None,
        split: str = "all",
        *,
        options: int = 2,
        shuffle: bool = True,
        difficult_only: bool = False,
        max_passage_chars: int | None = None,
    ) -> None:
        files: list[Path | Traversable]
        if path is not None:
            self.split = check_split(split, ("all", *SPLITS))
            files, cut = [existing_file(path)], split
        else:
            if split == "test":
                raise ValueError(
                    "split='test': the official test file has no answers; use train or validation, or path="
                )
            self.split = check_split(split, ("all", "train", "validation"))
            parts = {"all": ("train", "dev"), "train": ("train",), "validation": ("dev",)}[split]
            files, cut = [official_file(OFFICIAL + part) for part in parts], "all"
        self._load(files, cut, options, shuffle, difficult_only, max_passage_chars)

    def _load(
        self,
        files: Iterable[Path | Traversable],
        cut: str,
        options: int,
        shuffle: bool,
        difficult_only: bool,
        max_passage_chars: int | None,
    ) -> None:
        if options not in (2, 4):
            raise ValueError(f"options={options!r}: choose 2 (a debate's pair) or 4 (all)")
        if max_passage_chars is not None and max_passage_chars < 1:
            raise ValueError(f"max_passage_chars={max_passage_chars!r}: must be at least 1, or None for no limit")
        rows = [row for file in files for row in read_jsonl(file)]
        splits = rank_splits(row.text("article_id") for row in rows)  # before any filter: filters never move an article
        skipped: Counter[str] = Counter()
        kept: dict[str, dict[str, Any]] = {}
        for row in rows:
            questions = row.fields.get("questions")
            if not isinstance(questions, list) or not all(isinstance(fields, dict) for fields in questions):
                raise DataError(f"{row.where}: field 'questions' must be a list of objects, not {questions!r:.80}")
            article = row.text("article")
            if cut not in ("all", splits[row.text("article_id")]):
                continue
            for number, fields in enumerate(questions, start=1):
                question = _question(
                    row, Row(f"{row.where}, question {number}", fields), article, number, options, shuffle
                )
                if isinstance(question, str):
                    skipped[question] += 1
                elif max_passage_chars is not None and len(article) > max_passage_chars:
                    skipped["passage too long"] += 1
                elif difficult_only and not question["metadata"]["difficult"]:
                    skipped["not marked difficult"] += 1
                elif question["id"] in kept:
                    skipped["repeated question id"] += 1
                else:
                    kept[question["id"]] = question
        self._questions = [Question(**fields) for fields in kept.values()]
        self.skipped = dict(skipped)
        if not kept:
            raise ValueError(
                f"no question is left in split {self.split!r} of {len(rows)} lines (skipped: {self.skipped})"
            )

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, index: int) -> Question:
        if not 0 <= index < len(self):
            raise IndexError(f"question {index} of task {self.name!r} ({self.split}), which has {len(self)}")
        return self._questions[index]


def _question(line: Row, row: Row, article: str, number: int, keep: int, shuffle: bool) -> dict[str, Any] | str:
    """What ``Question`` takes, or the reason why this question can't be used. Malformed fields raise DataError."""
    text = row.text("question").strip()
    fallback = f"{line.fields.get('set_unique_id') or line.text('article_id')}_{number}"
    id = row.text("question_unique_id") if "question_unique_id" in row.fields else fallback
    options = row.fields.get("options")
    if not isinstance(options, list) or len(options) != 4 or not all(isinstance(option, str) for option in options):
        raise DataError(f"{row.where}: field 'options' must be a list of 4 texts, not {options!r:.200}")
    options = [clean_text(option).strip() for option in options]
    gold = row.fields.get("gold_label")
    if gold is None:
        return "no gold label"
    if type(gold) is not int or not 1 <= gold <= 4:
        raise DataError(f"{row.where}: field 'gold_label' must be a number from 1 to 4, not {gold!r:.80}")
    if not all(options):
        return "empty option"
    if len({" ".join(option.casefold().split()) for option in options}) < 4:
        return "equal options"
    validation, speed = _entries(row, "validation"), _entries(row, "speed_validation")
    votes = Counter(
        label for entry in validation if type(label := entry.get("untimed_best_distractor")) is int
        and 1 <= label <= 4 and label != gold
    )  # fmt: skip
    best = [label - 1 for label in votes if votes[label] == max(votes.values())]
    shown = shown_options(id, 4, gold - 1, stream="quality", keep=keep, preferred=best, shuffle=shuffle)
    distractor = None if keep == 4 else next(option for option in shown if option != gold - 1) + 1
    difficult = row.fields.get("difficult")
    return {
        "id": id,
        "text": text,
        "options": tuple(options[index] for index in shown),
        "passage": article,
        "truth": shown.index(gold - 1),
        "metadata": {
            "article_id": line.text("article_id"),
            "title": line.fields.get("title"),
            "source": line.fields.get("source"),
            "gold_label": gold,
            "distractor_label": distractor,
            "distractor_from": None if distractor is None else "annotators" if votes else "seed",
            "difficult": None if difficult is None else bool(difficult),
            "untimed_accuracy": _share_right(validation, "untimed_answer", gold),
            "speed_accuracy": _share_right(speed, "speed_answer", gold),
        },
    }


def _entries(row: Row, name: str) -> list[dict[str, Any]]:
    entries = row.fields.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{row.where}: field {name!r} must be a list of objects, not {entries!r:.80}")
    return entries


def _share_right(entries: list[dict[str, Any]], name: str, gold: int) -> float | None:
    answers = [entry[name] for entry in entries if type(entry.get(name)) is int]
    return answers.count(gold) / len(answers) if answers else None
