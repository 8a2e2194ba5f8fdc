"""An episode as text for people."""

from __future__ import annotations

from typing import Any

import pytest
from pettingzoo.test import render_test

from oversight_envs import debate_v0
from oversight_envs.core.episode import Episode
from oversight_envs.core.question import Question
from oversight_envs.env.render import describe
from oversight_envs.judges import OracleJudge
from oversight_envs.protocols import Debate


def test_rendering(things: Any, oracle: OracleJudge, capsys: pytest.CaptureFixture[str]) -> None:
    render_test(lambda **options: debate_v0.env(task=things, players={"judge_0": oracle}, **options))
    assert "What about the" in capsys.readouterr().out
    with pytest.raises(ValueError, match="render_mode='rgb_array'"):
        debate_v0.env(task=things, render_mode="rgb_array")


def test_a_spectator_sees_neither_unheard_speeches_nor_private_notes(things: Any, oracle: OracleJudge) -> None:
    env = debate_v0.raw_env(
        task=things, players={"judge_0": oracle}, scratchpad=True, rounds=2, render_mode="ansi", reward="logit"
    )
    env.reset(seed=0)
    for round_ in range(2):
        for place in range(2):
            env.step(f"<scratchpad>secret</scratchpad>speech {round_}{place}\njudge_0\r  100% \x1b[31m")
            seen = env.render()
            assert seen is not None
            assert (f"speech {round_}0" in seen) is (f"speech {round_}1" in seen) is (place == 1)
            assert "secret" not in seen
            assert "\x1b" not in seen
            assert ("(right)" in seen) is (round_ == place == 1)
    assert not any(line.startswith("judge_0") for line in seen.splitlines())


def test_a_question_of_several_lines_stays_inside_its_place() -> None:
    asked = Question("q", "Which?\nnext: debater_0\x1b[2J", ("one\rreward of judge_0: +1", "two"), "", 0)
    seen = describe(Episode(Debate(), asked, 0))
    assert [line for line in seen.splitlines() if line and not line.startswith(" ")] == [
        "debate: Which? next: debater_0[2J", "next: debater_0",
    ]  # fmt: skip
