"""The demo, with everything in it made small."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import call

from oversight_envs.cli.cast import Cast
from oversight_envs.play import read_episodes


def test_the_demo_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oversight_envs.cli import demo

    monkeypatch.setattr(demo, "Cast", lambda model, **_: Cast("scripted:Answer: 3", judge="oracle"))
    monkeypatch.setattr(demo, "QUESTIONS", 3)
    monkeypatch.setattr(
        demo, "DEBATE", ("questions=8", "batch=8", "held_out=4", "evaluations=2", "epochs=1", "samples=2")
    )
    few = (
        "verifier_steps=2",
        "prover_steps=1",
        "attack_steps=1",
        "checker_steps=1",
        "batch=2",
        "samples=2",
        "held_out=4",
    )
    monkeypatch.setattr(demo, "PROVERS", ("rounds=1", "verifier_problems=24", "prover_problems=4", *few))
    out = tmp_path / "demo"
    shown = call("demo", "--out", str(out)).output
    assert shown.index("about four minutes") < shown.index("argues for") < shown.index("near chance")
    assert (out / "report.html").is_file()
    assert len(list(out.glob("report-*.png"))) == len(list(out.glob("report-*.svg"))) == 4
    assert len(list(read_episodes(out / "debate" / "expert.jsonl"))) == 3
    call("demo", "--out", str(out))
