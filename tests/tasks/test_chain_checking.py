"""Solutions of chains, checked line by line, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.question import Question
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.chain_checking import check_chain
from oversight_envs.tasks.corruption import corrupt

QUESTION = Question(id="q", text="Work from left to right: 7 + 5 x 2 - 4", truth="20")


@pytest.mark.parametrize(
    ("solution", "sums", "wrong"),
    [
        ("7 + 5 = 12 ;\n12 x 2 = 24 ;\n24 - 4 = 20 ;\nAnswer: 20", [1, 1, 1, 0], []),
        ("7 + 5 = 12 ;\n12 x 2 - 4 = 20 ;\nAnswer: 20", [1, 2, 0], []),
        ("7 + 5 = 12 ;\nAnswer: 20", [1, 2], []),  # two sums in the head
        ("Answer: 19", [3], [0]),
        ("7 + 5 = 13 ;\n13 x 2 = 26 ;\n26 - 4 = 22 ;\nAnswer: 22", [1, 1, 1, 0], [0]),  # the error counts once
        ("7 + 5 = 13 ;\n13 x 2 = 25 ;\n25 - 4 = 21 ;\nAnswer: 20", [1, 1, 1, 0], [0, 1, 3]),
        ("7 + 5 = 12 ;\n14 x 2 = 28 ;\n28 - 4 = 24 ;\nAnswer: 24", [1, 1, 1, 0], [1]),  # not the value carried on
        ("7 + 5 = 12 ;\n12 x 3 = 36 ;\n36 - 4 = 32 ;\nAnswer: 32", [1, 1, 1, 0], [1]),  # not the problem's number
        ("7 + 5 = 12 ;\n12 - 4 = 8 ;\nAnswer: 8", [1, 1, 0], [1]),  # the second step is left out
        ("7 + 5 = 12 ;\n12 x 2 = 24 ;\nAnswer: 24", [1, 1, 1], [2]),  # the last step is left out
        ("twelve\n7 + 5 x 2 - 4 = 20 ;\nAnswer: 20", [1, 3, 0], [0]),
        ("7 + 5 x 2 - 4 = 20 ;", [3, 0], [1]),  # no answer
        ("", [3], [0]),
    ],
)
def test_lines_and_what_they_take(solution: str, sums: list[int], wrong: list[int]) -> None:
    lines = check_chain(QUESTION, solution)
    assert [line.sums for line in lines] == sums
    assert [place for place, line in enumerate(lines) if line.wrong] == wrong


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_planted_error_is_one_wrong_line_where_it_was_planted(index: int, seed: int) -> None:
    question = Arithmetic(style="chain", steps=5)[index]
    assert not any(line.wrong for line in check_chain(question, question.metadata["solution"]))
    planted = corrupt(question.metadata["solution"], np.random.default_rng(seed), largest=49)
    lines = check_chain(question, planted.solution)
    assert sum(line.wrong for line in lines) == 1
    if planted.kind != "skipped step":  # of two equal steps either may be the one left out
        assert lines[planted.line].wrong


def test_a_problem_in_words_is_refused() -> None:
    with pytest.raises(ValueError, match="style='chain'"):
        check_chain(Arithmetic()[0], "Answer: 1")
