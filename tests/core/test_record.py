"""Records: saved, read back, judged again, and refused where they are none."""

from __future__ import annotations

import pytest

from oversight_envs import Record, Task
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.record import make_record
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet, play

JUDGE = {"judge_0": CallableJudge(lambda case: 0.0)}


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


def test_what_was_found_of_quotes_is_kept(things: Task) -> None:
    question = things[0]
    words = " ".join(question.passage.split()[:5])
    said = f"“never said there” <quote>{words}</quote> <quote>{words[:3].strip()}</quote> <quote>not in there</quote>"
    episode = play(Debate(), question, 0, dict.fromkeys(("debater_0", "debater_1"), ScriptedAgent([said])) | JUDGE)
    record = make_record(episode, things)
    again = Record.from_json(record.to_json())
    assert again == record
    assert [quote.state for quote in again.transcript[0].quotes] == ["verified", "short", "absent"]
    assert again.transcript[0].segments[0].misquotes


@pytest.mark.parametrize(
    ("line", "message"), [("{}", "schema"), ("[1", "JSONDecodeError"), ('{"schema": 99}', "schema 99")]
)
def test_records_refuse_what_they_do_not_know(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Record.from_json(line)
