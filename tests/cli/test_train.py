"""Training from the command line."""

from __future__ import annotations

from pathlib import Path

from command_line import call, fails


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
    fails("train", "debate", "--out", run, "--set", "question=3", says="did you mean 'questions'?")
    fails("train", "prover-verifier", "--out", run, "--set", "reward=nice", says="reward='nice'")
    page = Path(call("report", run).output.split("page: ")[1].strip())
    assert "Training: run" in page.read_text()
    assert "default-src 'none'" in page.read_text()
