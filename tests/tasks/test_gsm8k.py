"""GSM8K: problems, their marking, and models' published solutions."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from task_files import every, real, written

from oversight_envs.tasks import final_answer
from oversight_envs.tasks.files import DataError
from oversight_envs.tasks.gsm8k import GSM8K, load_model_solutions
from oversight_envs.tasks.splits import SPLITS


def test_gsm8k_hides_calculator_marks_and_reads_folders(tmp_path: Path) -> None:
    row = {"question": "3 boxes of <<4=4>>4?", "answer": "3*4 = <<3*4=12>>12 eggs\n#### 1,200"}
    written(tmp_path, row, name="train.jsonl")
    task = GSM8K(tmp_path)
    assert task.split == "train"
    assert task[0].text == "3 boxes of 4?"
    assert task[0].metadata["solution"] == "3*4 = 12 eggs\n#### 1,200"
    assert task.check(task[0], "$1200.00")
    assert not task.check(task[0], "1,200 or 1,300")
    assert task[0].id == GSM8K(tmp_path / "train.jsonl")[0].id
    with pytest.raises(FileNotFoundError, match=r"test\.jsonl"):
        GSM8K(tmp_path, split="test")
    bad = written(tmp_path, row, {"question": "?", "answer": "12"}, name="bad.jsonl")
    with pytest.raises(DataError, match=r"bad.jsonl:2: field 'answer' must end in '#### NUMBER'"):
        GSM8K(bad)
    entry = {"question": "?", "ground_truth": "A: 4", "tiny": {"solution": "A: <<1+3=4>>4", "is_correct": True}}
    (solution,) = load_model_solutions(written(tmp_path, entry, name="solutions.jsonl"))
    assert (solution.model, solution.solution, solution.is_correct) == ("tiny", "A: 4", True)
    worse = written(tmp_path, entry, {**entry, "tiny": {"solution": "A: 4"}}, name="worse.jsonl")
    with pytest.raises(DataError, match=r"worse.jsonl:2: 'tiny'"):
        load_model_solutions(worse)


def test_real_gsm8k_solutions_are_marked_right() -> None:
    train = GSM8K(real("gsm8k/train.jsonl"))
    assert len(train) == 7473
    assert all(train.check(question, final_answer(question.metadata["solution"])) for question in every(train))
    parts = [{q.id for q in every(GSM8K(real("gsm8k/train.jsonl"), split=split))} for split in SPLITS]
    assert all(not a & b for a, b in combinations(parts, 2))
    assert sum(map(len, parts)) == 7473


def test_real_model_solutions_are_marked_as_published() -> None:
    test = GSM8K(real("gsm8k/test.jsonl").parent, split="test")
    known = {question.id: question for question in every(test)}
    solutions = load_model_solutions(real("gsm8k/model_solutions.jsonl"))
    assert len(solutions) == 4 * len(known) == 2640
    assert all(test.check(known[s.question.id], final_answer(s.solution)) == s.is_correct for s in solutions)
