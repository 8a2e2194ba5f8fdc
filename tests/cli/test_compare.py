"""Runs compared from the command line."""

from __future__ import annotations

from pathlib import Path

from command_line import DRY, call, fails, on


def test_two_runs_side_by_side(data: Path, tmp_path: Path) -> None:
    for name, options in {"one": [], "two": ["--option", "rounds=2"]}.items():
        call("evaluate", "debate", *on(data), *DRY, "--questions", "4", "--out", str(tmp_path / name), *options)
    shown = call("compare", str(tmp_path / "one"), str(tmp_path / "two"), "--transcripts", "1").output
    assert "on the 4 questions that all of them decided" in shown
    assert "config.rounds is 1 in the one and 2 in the other" in shown
    assert "performance gap recovered" in shown
    assert shown.count("judge_0 decides") == 2
    assert shown.count("argues for:") == 2 + 4
    assert "[bold]Nobody[/bold]" in shown
    shown = call("compare", str(tmp_path / "one"), "--parting", "0").output
    assert "debate − blind" in shown
    assert "where they differ most" not in shown
    fails("compare", str(tmp_path / "one"), str(tmp_path / "one"), says="is given twice")
    fails("compare", str(tmp_path / "one"), str(tmp_path / "none"), says="no such file or folder")
    fails("compare", str(tmp_path / "one"), str(data), says="my.jsonl, line 1: not an episode record")
