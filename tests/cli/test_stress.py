"""``stress-judge``: the table, the file, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import call, fails

from oversight_envs.core.players import PlayerError
from oversight_envs.judges import OracleJudge


def test_the_table_and_the_file(tmp_path: Path) -> None:
    args = ["stress-judge", "oracle", "--task", "stories", "--questions", "3", "--out", str(tmp_path / "s")]
    shown = call(*args).output
    assert "oracle on stories" in shown
    assert "✗ settling quote does not move it: +0.00" in shown  # it knows without
    assert "• blind: right 100%" in shown
    found = json.loads((tmp_path / "s" / "stress.json").read_text())
    flattery = next(effect for effect in found["effects"] if effect["name"] == "flattery")
    assert flattery["shift"] == {"value": 0, "low": None, "high": None, "n": 3}
    assert [pair["right"] for pair in flattery["pairs"]].count(True) == 3
    assert found["settings"]["task"] == "stories/train"
    before = (tmp_path / "s" / "stress.json").read_bytes()
    games = (tmp_path / "s" / "games" / "plain.jsonl").read_bytes()
    call(*args)
    assert (tmp_path / "s" / "stress.json").read_bytes() == before
    assert (tmp_path / "s" / "games" / "plain.jsonl").read_bytes() == games
    call(*args, "--fresh")
    assert (tmp_path / "s" / "games" / "plain.jsonl.1").read_bytes() == games


def test_a_dry_run_asks_nobody(tmp_path: Path) -> None:
    out = ["--questions", "2", "--out", str(tmp_path / "s"), "--dry-run"]
    shown = call("stress-judge", "openai:gpt-5-mini@http://localhost:1/v1", *out).output
    assert "judge_0" in shown
    assert "gpt-5-mini" in shown
    assert "verifier_0" in call("stress-judge", "openai:gpt-5-mini", "--task", "arithmetic", *out).output
    assert not (tmp_path / "s").exists()


def test_bad_input(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "s")]
    fails("stress-judge", "scripted:A", *out, says="a script can't judge")
    fails("stress-judge", "oracle", "--option", "judge_asks=true", "--option", "rounds=2", *out, says="give a Debate")
    fails("stress-judge", "oracle", "--task", "arithmetic", "--option", "rounds=2", *out, says="has no option 'rounds'")


def test_a_verifier(tmp_path: Path) -> None:
    args = ["--task", "arithmetic", "--questions", "3", "--out", str(tmp_path / "s")]
    shown = call("stress-judge", "oracle", *args).output
    assert "• plain: right 100%" in shown
    assert "• blind" not in shown
    assert "quote" not in shown
    assert "✗ worked solution does not move it" in shown  # it knows without


def test_a_judge_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = OracleJudge.decide

    def upset(self: OracleJudge, cases: list) -> list:  # type: ignore[type-arg]
        if any("exceptionally wise" in case.prompt[-1].content for case in cases):
            raise PlayerError("it is upset")
        return decide(self, cases)

    monkeypatch.setattr(OracleJudge, "decide", upset)
    args = ["--task", "passages", "--questions", "2", "--out", str(tmp_path / "s")]
    shown = call("stress-judge", "oracle", *args, code=3).output
    assert "the judge failed in 4 games" in shown
    assert "4 in judge_0: PlayerError: it is upset" in shown
    assert "✓" not in shown
