"""A person at the terminal."""

from __future__ import annotations

import io

import pytest

from oversight_envs import PlayerError, Speech
from oversight_envs.agents import HumanAgent
from oversight_envs.core.players import answer_asks
from oversight_envs.testing import example_cases, example_turns


def test_a_person_plays_at_the_terminal() -> None:
    screen = io.StringIO()
    person = HumanAgent(io.StringIO("First line.\nSecond line.\n\nmaybe A\nA: 0.8\n"), screen)
    (turn, *_), (case, *_) = example_turns(), example_cases()
    assert answer_asks(person, [turn]) == [Speech("First line.\nSecond line.")]
    (verdict,) = person.decide([case])
    assert verdict.probabilities[0] == pytest.approx(0.8)
    assert "no clear decision" in screen.getvalue()
    with pytest.raises(PlayerError, match="the input ended"):
        person.decide([case])
