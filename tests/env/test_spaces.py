"""Spaces of text."""

from __future__ import annotations

from copy import deepcopy

import pytest
from gymnasium.vector.utils import create_shared_memory, read_from_shared_memory, write_to_shared_memory

from oversight_envs.env.spaces import SHARED_BYTES, TextObservation, Unicode


def test_any_string_up_to_the_bound_is_in_the_space() -> None:
    space = Unicode(5)
    for text, inside in (("", True), ("a b\nc", True), ("\u202e\ud800", True), ("123456", False), (7, False)):
        assert space.contains(text) is inside
    assert TextObservation("text") in space
    with pytest.raises(ValueError, match="max_length=0"):
        Unicode(0)


def test_samples_are_in_the_space_and_follow_the_seed() -> None:
    drawn = []
    for _ in range(2):
        space = Unicode(30, seed=4)
        drawn.append([space.sample() for _ in range(20)])
        assert all(text in space for text in drawn[-1])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 10
    answers = Unicode(30, ("A", "B"), seed=4)
    assert {answers.sample() for _ in range(20)} == {"A", "B"}
    assert answers != Unicode(30) == Unicode(30, seed=1)
    with pytest.raises(ValueError, match="masked"):
        answers.sample(mask=1)


@pytest.mark.parametrize("text", ["", "a", "line\n\0 end ", "読む 🙂 \ud800", "x" * 100_000])
def test_texts_pass_through_the_memory_that_vectors_share(text: str) -> None:
    space = Unicode(1000)
    memory = create_shared_memory(space, n=3)
    texts = read_from_shared_memory(space, memory, n=3)
    before = deepcopy(texts)
    assert before == ("", "", "")
    write_to_shared_memory(space, 1, "longer than what follows it " * 9, memory)
    write_to_shared_memory(space, 1, text, memory)
    write_to_shared_memory(space, 2, "next", memory)
    assert deepcopy(texts) == tuple(texts) == ("", text, "next")
    assert before == ("", "", "")
    with pytest.raises(ValueError, match="shared_memory=False"):
        write_to_shared_memory(space, 0, "x" * SHARED_BYTES, memory)
