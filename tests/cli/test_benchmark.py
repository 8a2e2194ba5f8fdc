"""``benchmark`` and ``benchmark-compare``: the tables, the files, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import call, fails

from oversight_envs.cli.benchmark import role_specs
from oversight_envs.evaluation.benchmark.suite import SUITES

RESULTS = Path(__file__).parents[2] / "examples" / "results" / "benchmark_tiny.json"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick suite on two questions each."""
    quick = SUITES["oversight-v0"]["quick"]
    small = replace(quick, parts=tuple([replace(part, questions=2) for part in quick.parts]))
    monkeypatch.setattr("oversight_envs.evaluation.benchmark.plan.SUITES", {"oversight-v0": {"quick": small}})


def test_a_profile_is_played_kept_shown_and_compared(tmp_path: Path) -> None:
    out = tmp_path / "oracle"
    shown = call("benchmark", "oracle", "--out", str(out)).output
    assert "judge on passages" in shown
    assert "left out: prover on sums: nobody was given as prover" in shown
    assert "settling quote does not move it" in shown  # it knows without
    kept = json.loads((out / "profile.json").read_text())
    assert (kept["suite"], kept["size"], kept["models"]) == (
        "oversight-v0",
        "quick",
        {"judge": "oracle", "verifier": "oracle"},
    )
    page = (out / "report.html").read_text()
    assert "Profile of oracle" in page
    assert "right above wrong on the same problem" in page
    call("benchmark", "--judge", "oracle", "--out", str(tmp_path / "judge"))
    shown = call("benchmark-compare", str(out), str(tmp_path / "judge" / "profile.json")).output
    assert "judge on stories" in shown
    assert "not compared: verifier on sums" in shown
    kept["size"] = "full"
    (tmp_path / "other.json").write_text(json.dumps(kept))
    fails("benchmark-compare", str(out), str(tmp_path / "other.json"), says="size is 'quick' in the one and 'full'")


def test_a_dry_run_says_how_many_games(tmp_path: Path) -> None:
    shown = call("benchmark", "--judge", "openai:some@http://localhost:1/v1", "--dry-run").output
    assert "left out: nobody was given as verifier" in shown
    assert "judge's stress test on stories" in shown
    assert shown.count("judge_0") == 3  # calls, tokens and dollars of each part that it judges


def test_who_plays_what() -> None:
    assert role_specs("stated:m", {"judge": "j"}) == {
        "debater": "m",
        "judge": "j",
        "prover": "m",
        "verifier": "stated:m",
    }
    assert role_specs("scripted:x", {}) == {"debater": "scripted:x", "prover": "scripted:x"}
    assert role_specs(None, {"verifier": "v", "judge": None}) == {"verifier": "v"}


def test_bad_input(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "b")]
    fails("benchmark", *out, says="whose profile?")
    fails("benchmark", "no-such-model", *out, says="no-such-model")
    fails("benchmark", "--judge", "scripted:A", *out, says="a script can't judge")
    fails("benchmark", "human", *out, says="a person would play every game")
    fails("benchmark", "oracle", "--quality", "x.jsonl", *out, says="give --size full")
    fails("benchmark-compare", str(tmp_path), says="profile.json")
    fails("benchmark-compare", str(RESULTS), str(RESULTS), says="is given twice")
    assert not (tmp_path / "b").exists()
