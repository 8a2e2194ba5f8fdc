"""An agent that says what it was told to say."""

from __future__ import annotations

from oversight_envs import Task, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet


def test_the_last_text_is_said_again(things: Task, oracle: OracleJudge) -> None:
    players = {"debater_0": Puppet(), "debater_1": ScriptedAgent(["One.", "Two."]), "judge_0": oracle}
    for record in rollout(Debate(rounds=3), things, players):
        said = [statement.text for statement in record.transcript if statement.role == "debater_1"]
        assert said == ["One.", "Two.", "Two."]
