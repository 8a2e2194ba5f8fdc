"""Sums: solutions that are right."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from oversight_envs.tasks.arithmetic import Arithmetic, run
from oversight_envs.tasks.corruption import corrupt
from oversight_envs.tasks.final_answers import final_answer


@pytest.mark.parametrize("style", ["words", "chain"])
@pytest.mark.parametrize("steps", [1, 3, 6])
def test_arithmetic_solutions_are_right_and_corrupted_ones_are_wrong(style: Any, steps: int) -> None:
    task = Arithmetic(style=style, steps=steps)
    rng = np.random.default_rng(0)
    for question in task.sample(200):
        solution = question.metadata["solution"]
        values = run(question.metadata["start"], question.metadata["steps"])
        assert task.check(question, final_answer(solution))
        assert len(values) == len(solution.split("\n")) == steps + 1
        assert 0 <= min(values) <= max(values) <= task.largest
        wrong = corrupt(solution, rng, largest=task.largest)
        assert not task.check(question, final_answer(wrong.solution))
        assert final_answer(wrong.solution) is not None
        assert max(map(int, re.findall(r"\d+", wrong.solution))) <= task.largest
        if wrong.kind not in ("skipped step", "final answer"):  # the error is where it says, and nowhere before
            pairs = list(zip(solution.split("\n"), wrong.solution.split("\n"), strict=True))
            assert next(i for i, (a, b) in enumerate(pairs) if a != b) == wrong.line
