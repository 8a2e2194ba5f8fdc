"""Files of questions, made for a test or real."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from oversight_envs.core.question import Question, Task

DATA = Path(os.environ.get("OVERSIGHT_ENVS_DATA") or Path(__file__).parents[2] / "shared" / "data")


def real(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no {path}: put the data there or set OVERSIGHT_ENVS_DATA")
    return path


def written(folder: Path, *rows: Any, name: str = "data.jsonl") -> Path:
    """A file with a row a line; a text is written as it is."""
    file = folder / name
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return file


def every(task: Task) -> list[Question]:
    return [task[index] for index in range(len(task))]


def quality_question(id: str, gold: int | None = 1, votes: list[Any] | None = None, **fields: Any) -> dict[str, Any]:
    question = {"question": f"Why {id}?", "question_unique_id": id, "options": ["a", "b", "c", "d"], **fields}
    if gold is not None:
        question["gold_label"] = gold
    if votes is not None:
        question["validation"] = [{"untimed_answer": 1, "untimed_best_distractor": vote} for vote in votes]
        question["speed_validation"] = [{"speed_annotator_id": "00NA", "speed_answer": 2}]
    return question


def quality_line(article: str, *questions: dict[str, Any]) -> dict[str, Any]:
    return {"article_id": article, "set_unique_id": f"{article}_w", "article": f"“Text”  of\n\n {article}",
            "questions": list(questions)}  # fmt: skip
