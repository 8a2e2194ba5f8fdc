"""Records of the older schema stay readable, and the new one says each word once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_tasks import Things

from oversight_envs import Record, read_episodes, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import PROTOCOLS, Debate

OLD = Path(__file__).parents[1] / "data" / "records_schema1.jsonl"


# What debaters and judges were told of quotes when these records were made: a record replays under its own words.
WORDING = """
quotes = '''
Support your case with short literal quotes from the text, each between <quote> and </quote>. Quotes are checked: the \
judge sees which of them stand in the text and which do not.'''
judge_quotes = '''
Quotes marked <v_quote> were checked and stand in the text word for word. Quotes marked <u_quote> do not.'''
"""


def test_records_of_schema_1_are_read_replay_and_are_written_anew(tmp_path: Path) -> None:
    wording = tmp_path / "then.toml"
    wording.write_text(WORDING.replace(" \\\n", " "))
    records = list(read_episodes(OLD))
    assert [(r.protocol, len(r.transcript), len(r.decisions), len(r.scores)) for r in records] == [
        ("debate", 4, 1, 0),
        ("debate", 2, 0, 0),  # truncated at the judge: schema 1 said that nobody had spoken
        ("consultancy", 3, 1, 0),
        ("prover_verifier", 2, 0, 2),
    ]
    old = [json.loads(line) for line in OLD.read_text().splitlines()]
    for record, plain in zip(records, old, strict=True):
        assert record.rewards == plain["rewards"]
        assert [e.prompt[-1].content for e in record.entries][-1] == plain["entries"][-1]["prompt"][-1]["content"]
        then = {} if record.protocol == "prover_verifier" else {"wording": str(wording)}
        episode = record.episode(PROTOCOLS[record.protocol](**record.config | then))
        assert (episode.transcript, episode.decisions, episode.scores) == (
            record.transcript,
            record.decisions,
            record.scores,
        )
        assert Record.from_json(record.to_json()) == record
        assert json.loads(record.to_json())["schema"] == 2


def test_a_speech_stands_once_in_a_line() -> None:
    said = (
        "The text settles it for whoever reads it with care: <quote>The cat sat on the mat until noon</quote>, no less."
    )
    game = Debate(rounds=2, both_orders=True)
    players = dict.fromkeys(
        ("debater_0", "debater_1"), ScriptedAgent(lambda turn: f"{turn.role} {turn.number}. {said}")
    )
    for record in rollout(game, Things(), {**players, "judge_0": CallableJudge(log_odds=lambda case: 0.0)}):
        line = record.to_json()
        assert line.count("settles it for whoever reads it with care") == 4  # two debaters, two rounds
        assert line.count(json.dumps(record.question.passage, ensure_ascii=False)[1:-1]) == 1
        assert Record.from_json(line) == record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 3}, "schema 3"),
        ({"schema": "2"}, "schema"),
        ({"assigned": {"sides": {"debater_0": 7}, "honest": {}, "order": []}}, "option 7 of 2"),
        ({"entries": "none"}, "not an episode record"),
        ({"transcript": [{"index": 99}]}, "not an episode record"),
    ],
)
def test_a_line_that_is_no_record_is_refused(change: dict[str, object], says: str) -> None:
    debater = ScriptedAgent(["It is so."])
    players = {"debater_0": debater, "debater_1": debater, "judge_0": CallableJudge(log_odds=lambda case: 0.0)}
    (record,) = rollout(Debate(), Things(), players, questions=1)
    with pytest.raises(ValueError, match=says):
        Record.from_json(json.dumps({**json.loads(record.to_json()), **change}))


def test_a_log_of_another_game_is_refused() -> None:
    from oversight_envs import ReplayError

    debater = ScriptedAgent(["It is so."])
    players = {"debater_0": debater, "debater_1": debater, "judge_0": CallableJudge(log_odds=lambda case: 0.0)}
    (record,) = rollout(Debate(), Things(), players, questions=1)
    with pytest.raises(ReplayError, match="is not what debate asks here"):
        record.episode(Debate(rounds=2))
