"""Tournaments from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import call, fails, on

AGENTS = ["--agent", "mild=scripted:Maybe so.", "--agent", "scripted:Surely <quote>the kettle was blue</quote>"]


def test_a_tournament_is_played_kept_and_shown(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "t"
    args = ["tournament", "debate", *on(data), *AGENTS, "--judge", "oracle", "--questions", "3", "--out", str(out)]
    shown = call(*args, "--self-play").output
    assert "mild" in shown
    assert "in self-play" in shown
    assert "arguing for the right answer" in shown
    before = {file: file.stat().st_mtime_ns for file in out.glob("*.jsonl")}
    assert len(before) == 4
    kept = json.loads((out / "ratings.json").read_text())
    assert set(kept["settings"]["agents"]) == set(kept["agents"])
    assert (out / "ratings.png").stat().st_size > 5_000
    call(*args)
    assert {file: file.stat().st_mtime_ns for file in out.glob("*.jsonl")} == before
    fails(*args, "--option", "rounds=2", says="config.rounds is 1 in the one and 2 in the other")


def test_what_makes_no_tournament_is_one_line(data: Path, tmp_path: Path) -> None:
    args = ["tournament", "debate", *on(data), "--judge", "oracle", "--questions", "2"]
    args += ["--out", str(tmp_path / "t")]
    fails(*args, "--agent", "scripted:x", says="a tournament of scripted:x: give at least two")
    fails(*args, "--agent", "scripted:x", "--agent", "scripted:x", says="is given twice")
    fails(*args, "--agent", "a=scripted:x", "--agent", "b=scripted:x", says="are the same player")
    fails(*args, "--agent", "human", "--agent", "scripted:x", says="a person would play every game")
    fails("tournament", "consultancy", *on(data), *AGENTS, "--judge", "oracle", says="between two who argue")
    assert not (tmp_path / "t").exists()
