"""Stories: true, balanced, and only partly guessable."""

from __future__ import annotations

import re

import numpy as np
import pytest

from oversight_envs.core.question import Question
from oversight_envs.tasks.stories import Stories


def place_on(question: Question) -> str:
    """The answer, found again from the texts alone."""
    asked = re.fullmatch(r"Where was the (\w+) at the end of day (\d+)\?", question.text)
    assert asked
    where = {}
    for line in question.passage.split("\n"):
        move = re.fullmatch(r"Day (\d+): \w+ moved the (\w+) to (the \w+)\.", line)
        assert move
        if int(move[1]) <= int(asked[2]):
            where[move[2]] = move[3]
    return where[asked[1]]


@pytest.mark.parametrize("options", [{}, {"lines": 3, "things": 1}, {"lines": 14, "things": 5, "days": 20, "names": 2}])
def test_stories_are_true_and_their_helpers_too(options: dict[str, int]) -> None:
    for question in Stories(**options).sample(150):  # type: ignore[arg-type]
        assert isinstance(question.truth, int)
        lines, support, best = question.passage.split("\n"), question.metadata["support"], question.metadata["best"]
        assert question.options[question.truth] == place_on(question)
        assert len(lines) == options.get("lines", 8)
        for option, true_lines, line in zip(question.options, support, best, strict=True):
            thing = question.metadata["thing"]
            assert true_lines == tuple(i for i, text in enumerate(lines) if text.endswith(f"{thing} to {option}."))
            assert line in true_lines if true_lines else line is None
        assert question.metadata["misleading"] == bool(support[1 - question.truth])
        assert best[question.truth] is not None


def test_stories_are_balanced_and_only_partly_guessable() -> None:
    questions = Stories().sample(1500, seed=3)
    assert 0.46 < np.mean([question.truth for question in questions]) < 0.54
    assert 0.5 < np.mean([question.metadata["misleading"] for question in questions]) < 0.9
    ceiling = Stories().blind_ceiling(samples=6000)
    assert 0.6 < ceiling < 0.75
    assert ceiling == Stories("test").blind_ceiling(samples=6000)
