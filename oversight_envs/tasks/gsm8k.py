"""GSM8K: grade-school word problems with worked solutions and a number as the answer.

Cobbe et al., "Training Verifiers to Solve Math Word Problems" (2021), https://github.com/openai/grade-school-math, MIT.
Prover-verifier games (Kirchner et al. 2024) are played on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oversight_envs.core.question import Question, Task
from oversight_envs.core.seeding import derive_seed
from oversight_envs.tasks.files import DataError, Row, existing_file, read_jsonl
from oversight_envs.tasks.final_answers import final_answer, numbers_equal, parse_number
from oversight_envs.tasks.hub import hub_rows
from oversight_envs.tasks.splits import SPLITS, check_split, rank_splits

_MARK = re.compile(r"<<[^<>\n]*>>")


def without_marks(text: str) -> str:
    """``text`` without calculator marks such as ``<<48/2=24>>``, which are no part of what a reader should see."""
    return _MARK.sub("", text)


class GSM8K(Task):
    """GSM8K from a file, a folder with ``train.jsonl`` and ``test.jsonl``, or the Hugging Face hub.

    ``split`` with a folder or the hub: the official ``train`` (default) or ``test``. With one file: ``all`` (default),
    or 15% of its problems as ``test``, 15% as ``validation`` and the rest as ``train``, by a digest of the problem.

    A question's id is a digest of its text, the same wherever it was read from; ``metadata["solution"]`` is the
    reference solution, without calculator marks, ending in ``#### N``.
    """

    name = "gsm8k"
    checkable = True

    def __init__(self, path: str | Path | None = None, split: str | None = None) -> None:
        rows: Iterable[Row]
        one_file = path is not None and not Path(path).expanduser().is_dir()
        if path is not None and one_file:
            self.split = check_split(split or "all", ("all", *SPLITS))
            rows = read_jsonl(existing_file(path))
        else:
            self.split = check_split(split or "train", ("train", "test"))
            if path is None:
                rows = hub_rows("openai/gsm8k", "main", self.split)
            else:
                rows = read_jsonl(existing_file(Path(path) / f"{self.split}.jsonl"))
        problems = {problem["id"]: problem for problem in map(_problem, rows)}  # a problem given twice counts once
        if one_file and self.split != "all":
            splits = rank_splits(problems)
            problems = {id: problem for id, problem in problems.items() if splits[id] == self.split}
        self._problems = list(problems.values())
        if not problems:
            raise ValueError(f"no problem is in split {self.split!r} of path={str(path)!r}")

    def __len__(self) -> int:
        return len(self._problems)

    def __getitem__(self, index: int) -> Question:
        if not 0 <= index < len(self):
            raise IndexError(f"question {index} of task {self.name!r} ({self.split}), which has {len(self)}")
        return Question(**self._problems[index])

    def check(self, question: Question, answer: str | None) -> bool:
        return _right(question, answer)


def _right(question: Question, answer: str | None) -> bool:
    if not isinstance(question.truth, str):
        raise ValueError(f"question {question.id!r} carries no reference answer: check the task's question, not a copy")
    return numbers_equal(question.truth, answer)


def _problem(row: Row, solution_field: str = "answer") -> dict[str, Any]:
    text, solution = without_marks(row.text("question")).strip(), without_marks(row.text(solution_field)).strip()
    answer = final_answer(solution)
    if answer is None or parse_number(answer) is None:
        raise DataError(f"{row.where}: field {solution_field!r} must end in '#### NUMBER', not {solution[-60:]!r}")
    id = f"gsm8k-{derive_seed('gsm8k', text):016x}"
    return {"id": id, "text": text, "truth": answer, "metadata": {"solution": solution}}


@dataclass(frozen=True, slots=True)
class ModelSolution:
    """A solution that a model wrote, and whether its final answer was marked right."""

    question: Question
    model: str
    solution: str
    is_correct: bool


def load_model_solutions(path: str | Path) -> list[ModelSolution]:
    """The sample solutions published with GSM8K (``example_model_solutions.jsonl``): material for training verifiers.

    A line has ``question``, ``ground_truth`` and, under each model's name, ``solution`` and ``is_correct``. Solutions
    are given without calculator marks; question ids are those of ``GSM8K``.
    """
    solutions = []
    for row in read_jsonl(existing_file(path)):
        question = Question(**_problem(row, "ground_truth"))
        entries = {name: entry for name, entry in row.fields.items() if isinstance(entry, dict)}
        if not entries:
            raise DataError(f"{row.where}: no model's solution here (an object with 'solution' and 'is_correct')")
        for model, entry in entries.items():
            text, right = entry.get("solution"), entry.get("is_correct")
            if not isinstance(text, str) or not isinstance(right, bool):
                raise DataError(f"{row.where}: {model!r} must have a text 'solution' and true or false as 'is_correct'")
            solutions.append(ModelSolution(question, model, without_marks(text), right))
    return solutions
