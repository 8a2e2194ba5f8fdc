"""Spaces of text."""

from __future__ import annotations

import pytest

from oversight_envs.env.spaces import TextObservation, Unicode


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
