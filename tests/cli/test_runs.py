"""Evaluations from the command line: kept, stopped, gone on with, reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import DRY, call, fails, on

from oversight_envs.play import read_episodes


def test_best_of_with_an_oracle(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    call(
        "evaluate", "debate", *on(data), *DRY, "--best-of", "2", "--questions", "2", "--out", str(out), "--no-baselines"
    )
    record = next(read_episodes(out / "debate.jsonl"))
    assert record.players["debater_0"]["type"] == "best_of_n"
    assert not (out / "blind.jsonl").exists()


def test_evaluate_resume_and_report(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ["evaluate", "debate", *on(data), *DRY, "--questions", "6", "--out", str(out)]
    shown = call(*args).output
    assert "100% [61%, 100%]" in shown
    assert "better than chance" in shown
    assert f"oversight-envs report {out}" in shown
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in out.glob("*.jsonl")}
    assert set(before) == {"debate.jsonl", "blind.jsonl", "expert.jsonl"}
    call(*args)
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in out.glob("*.jsonl")} == before
    fails(*args, "--option", "rounds=2", says="config.rounds is 1 in the one and 2 in the other")
    others = ["--agent", "scripted:other", "--judge", "oracle", "--questions", "6", "--out", str(out)]
    fails("evaluate", "debate", *on(data), *others, says="players.debater_0.script")
    call(*args, "--option", "rounds=2", "--fresh")
    assert (out / "debate.jsonl.1").read_bytes() == before["debate.jsonl"][0]
    shown = call("report", str(out)).output
    assert str(out / "report.html") in shown
    assert {file.suffix for file in out.glob("report-1-*") if file.stat().st_size > 5_000} == {".png", ".svg"}
    html = (out / "report.html").read_text()
    assert "[bold]Nobody[/bold]" in html
    call("report", str(out / "debate.jsonl"), str(out / "blind.jsonl"), "--out", str(tmp_path / "two.html"))
    assert (tmp_path / "two.html").read_text().count('<section id="run-') == 2


def test_evaluate_prover_verifier(tmp_path: Path) -> None:
    args = ["--agent", "scripted:Answer: 7", "--judge", "oracle", "--questions", "3", "--out", str(tmp_path / "pv")]
    shown = call("evaluate", "prover_verifier", *args).output
    assert "AUC" in shown
    assert "undefined" in shown
    assert json.loads((tmp_path / "pv" / "summary.json").read_text())["settings"]["task"]["name"] == "arithmetic"


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_full_disk_is_one_line_and_what_is_finished_is_kept(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call("evaluate", "debate", *on(data), *DRY, "--questions", "1", "--out", str(out), "--no-baselines")
    room = (out / "debate.jsonl").stat().st_size * 5 // 2  # two and a half episodes
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); from oversight_envs.cli import main; main()"
    )
    args = ["evaluate", "debate", *on(data), *DRY, "--questions", "6", "--out", str(out), "--no-baselines"]
    result = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert "2 finished episodes are kept" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(list(read_episodes(out / "debate.jsonl"))) == 2
    call(*args)
    assert len(list(read_episodes(out / "debate.jsonl"))) == 6


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oversight_envs.judges import OracleJudge

    out = tmp_path / "run"
    decide, calls = OracleJudge.decide, []

    def interrupted(self: OracleJudge, cases: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return decide(self, cases)

    args = ["evaluate", "debate", *on(data), *DRY, "--questions", "6", "--concurrency", "1", "--out", str(out)]
    monkeypatch.setattr(OracleJudge, "decide", interrupted)
    monkeypatch.setattr(sys, "argv", ["oversight-envs", *args])
    result = call(*args, code=130)
    assert "3 finished episodes are kept" in result.stderr
    assert "to go on: oversight-envs evaluate debate" in result.stderr
    call(*args)
    assert len(list(read_episodes(out / "debate.jsonl"))) == 6
