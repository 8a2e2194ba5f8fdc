"""Records: saved, read back, judged again, and refused where they are none."""

from __future__ import annotations

import pytest

from oversight_envs import Record, Task
from oversight_envs.core.record import make_record
from oversight_envs.judges import OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet, play


def test_a_saved_debate_is_judged_again(things: Task, oracle: OracleJudge) -> None:
    episode = play(Debate(rounds=2), things[2], 5, dict.fromkeys(Debate.roles, Puppet()))
    record = Record.from_json(make_record(episode, things).to_json())
    again = record.episode(Debate(rounds=2), upto=4)
    again.answer(again.asks[0], oracle.decide(again.asks)[0])
    assert again.outcome is not None
    assert again.transcript == episode.transcript
    assert len(again.transcript) == 4
    (decision,) = again.decisions
    assert decision.verdict.choice == things[2].truth


@pytest.mark.parametrize(
    ("line", "message"), [("{}", "schema"), ("[1", "JSONDecodeError"), ('{"schema": 99}', "schema 99")]
)
def test_records_refuse_what_they_do_not_know(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Record.from_json(line)
