"""Records played again."""

from __future__ import annotations

import pytest

from oversight_envs import PlayerError, Task, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import OracleJudge
from oversight_envs.play import ReplayAgent
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet


def test_records_can_be_replayed(things: Task, oracle: OracleJudge) -> None:
    game = Debate(rounds=3)
    players = {"debater_0": Puppet(), "debater_1": ScriptedAgent(["One.", "Two."]), "judge_0": oracle}
    records = rollout(game, things, players)
    again = rollout(game, things, dict.fromkeys(game.roles, ReplayAgent(records)))
    for old, new in zip(records, again, strict=True):
        assert (new.outcome, new.entries, new.decisions) == (old.outcome, old.entries, old.decisions)
        assert (new.transcript, new.rewards) == (old.transcript, old.rewards)
    with pytest.raises(PlayerError, match="no record of what debater_0"):
        rollout(game, things, dict.fromkeys(game.roles, ReplayAgent(records)), seed=1)
