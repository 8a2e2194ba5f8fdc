"""Records: saved, read back, judged again, and refused where they are none."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from oversight_envs import Record, Task
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.record import make_record
from oversight_envs.core.rewards import finish, logit
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet, play

JUDGE = {"judge_0": CallableJudge(log_odds=lambda case: 0.0)}


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


FORGERIES: list[tuple[str, str, Any, str]] = [
    ("a side that is not there", "assigned.sides.debater_0", 7, "argues for option 7 of 2"),
    ("a side that is no number", "assigned.sides.debater_0", True, "argues for option True"),
    ("probabilities that don't sum to one", "entries.2.reply.verdict", [-0.1, -0.1], "sum to"),
    ("no probability", "entries.2.reply.verdict", [math.nan, -0.1], "NaN is no JSON value"),
    ("an infinite reward", "rewards.debater_0", math.inf, "Infinity is no JSON value"),
    ("a quote that stands elsewhere", "transcript.0.segments.0.1", [[0, 3]], "is said to stand in the passage at"),
    ("a quote out of the passage", "transcript.0.segments.0.1", [[0, 10_000]], "outside of the passage"),
    ("words that nobody said", "transcript.0.segments.0.0", "I concede", "has no such words"),
    ("a speech that nobody made", "transcript.0.spoken", "I concede", "has no such words"),
    ("a speaker's text", "entries.0.reply.text", None, "text is None"),
    ("an index that is not there", "decisions.0.index", 9, "not an episode record"),
    ("a question without an id", "question.id", "", "non-empty"),
]


@pytest.mark.parametrize(("kind", "path", "value", "message"), FORGERIES)
def test_forged_records_are_refused(things: Task, kind: str, path: str, value: Any, message: str) -> None:
    quote = ScriptedAgent([f"<quote>{things[0].passage}</quote> So it is."])
    episode = play(Debate(), things[0], 0, dict.fromkeys(("debater_0", "debater_1"), quote) | JUDGE)
    record = finish(episode, things, logit)
    plain = json.loads(record.to_json())
    assert Record.from_json(json.dumps(plain)) == record
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inside = plain
    for step in steps:
        inside = inside[step]
    inside[last] = value
    with pytest.raises(ValueError, match=message):
        Record.from_json(json.dumps(plain))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="not an episode record"):
        Record.from_json("[" * 100_000)
