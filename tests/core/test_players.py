"""What can fill a role, and that what it gives back is checked, never replaced by a guess."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oversight_envs import PlayerError, Task, Verdict, debate_v0, render_prompt, rollout
from oversight_envs.judges import OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (lambda cases: [], "asked 1 things and returned 0"),
        (lambda cases: [Verdict((math.nan, 0.0))], "not finite"),
        (lambda cases: [Verdict((-0.1, -0.1))], "sum to 1.8"),
        (lambda cases: [Verdict((0.0,))], "1 log-probabilities for 2 options"),
        (lambda cases: [0.5], "must decide by a Verdict"),
        (lambda cases: "AB", "must return a list"),
    ],
)
def test_judges_that_fail_raise_and_are_never_replaced_by_a_guess(judge: Any, message: str, things: Task) -> None:
    broken = type("Broken", (), {"decide": lambda self, cases: judge(cases)})()
    env = debate_v0.raw_env(task=things, players={"judge_0": broken})
    env.reset(seed=0)
    env.step("One.")
    with pytest.raises(PlayerError, match=message):
        env.step("Two.")
    assert env.record is None
    assert env.episode.decisions == ()


def test_plain_functions_are_speakers(things: Task, oracle: OracleJudge) -> None:
    players = {"debater_0": lambda prompt: prompt[-12:], "debater_1": Puppet(), "judge_0": oracle}
    for record in rollout(Debate(rounds=3), things, players):
        entries = [entry for entry in record.entries if entry.role == "debater_0"]
        assert [entry.reply.text for entry in entries] == [render_prompt(entry.prompt)[-12:] for entry in entries]
