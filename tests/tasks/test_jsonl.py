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
    choices = [
        {"question": "by index", "options": ["x", "y"], "answer": 1, "passage": "p"},
        {"question": "by text", "options": ["B", "A"], "answer": "A", "level": 3},
        "",
        {"question": "by letter", "options": ["x", "y"], "answer": "B", "id": "mine"},
    ]
    task = JSONL(written(tmp_path, *choices), shuffle=False)
    assert [question.truth for question in every(task)] == [1, 1, 1]
    assert [question.id for question in every(task)] == ["data-1", "data-2", "mine"]
    assert task[1].metadata == {"level": 3}
    assert not task.checkable
    words = [{"question": "words", "answer": "New York"}, {"question": "number", "answer": 1200}]
    task = JSONL(written(tmp_path, *words, {"question": "unknown", "answer": None}, name="free.jsonl"))
    assert [question.truth for question in every(task)] == ["New York", "1200", None]
    assert task.checkable
    assert task.check(task[0], "new  york.")
    assert task.check(task[1], "$1,200")
    assert not task.check(task[1], "12")


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
        (
            {"question": "?", "answer": 0, "options": ["a", "b"]},
            "field 'options' gives 2 options, and earlier rows have 0",
        ),
        ({"question": "?", "anwser": "x"}, "field 'answer' is missing (null where there is none): is it 'anwser'?"),
        ({"question": "?", "answer": "x", "Passage": "p"}, "field 'Passage': did you mean 'passage'?"),
        ({"question": "?", "answer": 0, "optons": ["a", "b"]}, "field 'optons': did you mean 'options'?"),
        ('{"question": "?", "answer": "x", "answer": "y"}', "field 'answer' stands twice"),
        ('{"question": "?", "answer": "x", "more": {"a": 1, "a": 2}}', "field 'a' stands twice"),
        ('{"question": "?", "answer": NaN}', "NaN is no finite number"),
        ('{"question": "?", "answer": "x", "level": [1e999]}', "1e999 is no finite number"),
        ('{"question": "?", "answer": "x", "note": "\\ud800"}', "field 'note' has"),
        ('{"question": "?", "answer": "x"', "not a JSON object"),
    ],
)
def test_a_malformed_line_of_ones_own_is_named(tmp_path: Path, row: Any, says: str) -> None:
    file = written(tmp_path, {"question": "?", "answer": "x"}, row)
    with pytest.raises(DataError, match=f"data.jsonl:2: .*{re.escape(says)}"):
        JSONL(file)


def test_a_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    rows = [{"question": f"{i}?", "answer": "x"} for i in range(2)]
    file = written(tmp_path, *rows)
    assert not file.read_bytes().endswith(b"\n")
    assert len(JSONL(file)) == 2


def test_no_passage_of_ones_own_is_in_two_splits(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "answer": "x", "passage": f"p{i % 9}"} for i in range(30)]
    file = written(tmp_path, *rows)
    passages = [{question.passage for question in every(JSONL(file, split))} for split in SPLITS]
    assert [len(part) for part in passages] == [7, 1, 1]
    assert len(set().union(*passages)) == 9
