"""Questions of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from task_files import every, written

from oversight_envs.tasks.files import DataError
from oversight_envs.tasks.jsonl import JSONL
from oversight_envs.tasks.splits import SPLITS


def test_own_questions(tmp_path: Path) -> None:
    task = JSONL(
        written(
            tmp_path,
            {"question": "by index", "options": ["x", "y"], "answer": 1, "passage": "p"},
            {"question": "by text", "options": ["B", "A"], "answer": "A", "level": 3},
            {"question": "by letter", "options": ["x", "y", "z"], "answer": "C", "id": "mine"},
            "",
            {"question": "free text", "answer": "New York"},
            {"question": "number", "answer": 1200},
            {"question": "unknown", "answer": None},
        )
    )
    assert [question.truth for question in every(task)] == [1, 1, 2, "New York", "1200", None]
    assert [question.id for question in every(task)][1:4] == ["data-2", "mine", "data-5"]
    assert task[1].metadata == {"level": 3}
    assert task.checkable
    assert task.check(task[3], "new  york.")
    assert task.check(task[4], "$1,200")
    assert not task.check(task[4], "12")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "?"}, "'answer' is missing"),
        ({"answer": "x"}, "field 'question'"),
        ({"question": "?", "answer": 2, "options": ["a", "b"]}, "from 0 to 1"),
        ({"question": "?", "answer": "c", "options": ["a", "b"]}, "an option's text or its letter"),
        ({"question": "?", "answer": True}, "field 'answer'"),
        ({"question": "?", "answer": 0, "options": ["a", "a"]}, "equal options"),
        ({"question": "?", "answer": 0, "options": "ab"}, "field 'options'"),
        ({"question": "?", "answer": "x", "passage": 3}, "field 'passage'"),
        ({"question": "?", "answer": "x", "id": "data-1"}, "earlier line"),
    ],
)
def test_a_malformed_line_of_ones_own_is_named(tmp_path: Path, row: Any, says: str) -> None:
    file = written(tmp_path, {"question": "?", "answer": "x"}, row)
    with pytest.raises(DataError, match=f"data.jsonl:2: .*{re.escape(says)}"):
        JSONL(file)


def test_no_passage_of_ones_own_is_in_two_splits(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "answer": "x", "passage": f"p{i % 9}"} for i in range(30)]
    file = written(tmp_path, *rows)
    passages = [{question.passage for question in every(JSONL(file, split))} for split in SPLITS]
    assert [len(part) for part in passages] == [7, 1, 1]
    assert len(set().union(*passages)) == 9
