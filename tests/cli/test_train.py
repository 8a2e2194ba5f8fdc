"""Training from the command line."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from command_line import call, fails
from rich.console import Console

from oversight_envs.cli.train import TrainingRun, train


def test_train_shows_what_was_learnt_goes_on_and_refuses_another_run(tmp_path: Path) -> None:
    few = ["questions=12", "batch=6", "held_out=8", "evaluations=2", "samples=2", "epochs=1"]
    settings = [part for setting in few for part in ("--set", setting)]
    run = str(tmp_path / "run")
    first = call("train", "debate", "--out", run, *settings).output
    assert "2/2" in first
    assert "After 2 steps the judge is right on" in first
    assert call("train", "debate", "--out", run, *settings).output.split("•")[1:] == first.split("•")[1:]
    fails(
        "train", "debate", "--out", run, *settings, "--set", "ppo.kl_coef=0.5", says="kl_coef is 0.2 in the checkpoint"
    )
    few = ["weak_questions=4", "student_questions=4", "held_out=4", "batch=4", "debates=0,2", "losses=soft,hard"]
    settings = [part for setting in few for part in ("--set", setting)]
    said = call("train", "weak-to-strong", "--out", str(tmp_path / "students"), *settings).output
    assert "7/7" in said
    assert "After 2 debates the weak judge is right on" in said
    fails("train", "debate", "--out", run, "--set", "question=3", says="did you mean 'questions'?")
    fails("train", "prover-verifier", "--out", run, "--set", "reward=nice", says="reward='nice'")
    page = Path(call("report", run).output.split("page: ")[1].splitlines()[0])
    assert "Training: run" in page.read_text()
    assert "default-src 'none'" in page.read_text()


def test_runs_side_by_side_end_as_they_would_alone_and_their_errors_surface(tmp_path: Path) -> None:
    console = Console(file=StringIO())
    few = ("questions=12", "batch=6", "held_out=4", "evaluations=2", "samples=2", "epochs=1")
    alone, left, right = (TrainingRun("debate", tmp_path / name, 0, few) for name in ("alone", "left", "right"))
    together = train(console, [left, right])
    assert [training.rows for training in together] == [training.rows for training in train(console, [alone])] * 2
    with pytest.raises(ValueError, match=r"kl_coef is 0\.2"):
        train(console, [left, replace(right, given=(*few, "ppo.kl_coef=0.5"))])
