"""The debate recipe with the tiny models: it runs, resumes to the same numbers, and refuses what makes no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.models import LanguageModel, load
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks import make_task
from oversight_envs.training import CheckpointError, JudgeConfig, PPOConfig, TextPolicy, read_metrics
from oversight_envs.training.recipes.debate import DebateConfig, DebateRun

SMALL: dict[str, Any] = {
    "questions": 24,
    "epochs": 1,
    "held_out": 12,
    "batch": 6,
    "samples": 2,
    "evaluations": 2,
    "best_of": (2,),
    "checkpoint_every": 1,
    "ppo": PPOConfig(estimator="rloo", learning_rate=5e-4, kl_coef=0.2),
    "judge": JudgeConfig(learning_rate=5e-4),
}


def copy(name: str) -> LanguageModel:
    return load(f"tiny-stories-{name}").copy()


def debate(folder: Path, **changes: Any) -> DebateRun:
    parts: dict[str, Any] = {
        "game": Debate(wording="tiny_debate", both_orders=True),
        "blind": Direct(wording="tiny_direct", both_orders=True),
        "train": make_task("stories", split="train"),
        "test": make_task("stories", split="test"),
        "policy": TextPolicy("tiny-stories-debater", max_new_tokens=12),
        "initial": LanguageModelAgent(copy("debater"), max_new_tokens=12),
        "judge": copy("judge"),
        "blind_judge": copy("judge"),
        "held_out_judge": copy("heldout"),
    }
    config = DebateConfig(**SMALL | {k: v for k, v in changes.items() if k not in parts})
    return DebateRun(config, folder=folder, **parts | {k: v for k, v in changes.items() if k in parts})


def numbers(folder: Path) -> list[dict[str, Any]]:
    return list(read_metrics(folder))


def test_a_debate_run_that_was_stopped_ends_with_the_same_numbers(tmp_path: Path) -> None:
    whole = debate(tmp_path / "whole").run()
    assert [evaluation["step"] for evaluation in whole] == [0, 4]
    assert whole[0]["convincingness"]["value"] == 0.5  # the debater against itself
    assert 0 < whole[-1]["best_of"]["2"]["judge_accuracy"]["value"] <= 1
    stopped = debate(tmp_path / "stopped")

    def stop(step: int, statistics: Any) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(stop)
    assert debate(tmp_path / "stopped").run() == whole
    assert numbers(tmp_path / "stopped") == numbers(tmp_path / "whole")
    with pytest.raises(CheckpointError, match=r"seed is 0 in the checkpoint and 1"):
        debate(tmp_path / "whole", seed=1).run()


def test_a_frozen_judge_stays_as_it_was(tmp_path: Path) -> None:
    run = debate(tmp_path, train_judge=False, best_of=(), questions=6)
    before = {name: p.clone() for name, p in run.judge.model.named_parameters()}
    run.run()
    assert all(bool((p == before[name]).all()) for name, p in run.judge.model.named_parameters())
    assert any((p != q).any() for p, q in zip(run.policy.parameters().values(), before.values(), strict=False))


def test_runs_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for changes, message in (
        ({"questions": 5}, "fewer than a batch"),
        ({"samples": 1}, "compares at least 2"),
        ({"evaluations": 1}, "evaluations=1"),
        ({"test": make_task("stories", split="train")}, "different splits"),
        ({"judge": (lm := copy("judge")), "blind_judge": lm}, "must be different models"),
    ):
        with pytest.raises(ValueError, match=message):
            debate(tmp_path, **changes)
