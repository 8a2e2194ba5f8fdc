"""The debate recipe with the tiny models: it runs, resumes to the same numbers, and refuses what makes no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_debate import SMALL

from oversight_envs.agents import ScriptedAgent
from oversight_envs.tasks.stories import Stories
from oversight_envs.training import CheckpointError, PPOConfig, read_metrics
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.debate.run import DebateRun, read_evaluations
from oversight_envs.training.recipes.debate.tiny import tiny_debate, tiny_parts

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_debate_run_that_was_stopped_ends_with_the_same_numbers(tmp_path: Path) -> None:
    small = SMALL | {"best_of": (1, 2), "seen": 6}
    whole = tiny_debate(tmp_path / "whole", **small).run()
    assert [evaluation["step"] for evaluation in whole] == [0, 4]
    assert whole[0]["convincingness"]["value"] == 0.5  # the debater against itself
    grid = whole[-1]["best_of_grid"]
    assert [*grid] == ["0", "4"]
    for evaluation in whole:  # the debaters of the grid are those of then
        assert grid[str(evaluation["step"])]["1"]["convincingness"] == evaluation["convincingness"]
    assert grid["4"]["1"]["judge_accuracy"] == whole[-1]["judge_accuracy"]  # and the judge is that of the end
    assert whole[0]["best_of"]["2"]["judge_accuracy"]["n"] == 12
    assert whole[0]["train_judge_accuracy"]["n"] == whole[0]["train_blind_accuracy"]["n"] == 6
    stopped = tiny_debate(tmp_path / "stopped", **small)

    def stop(step: int, statistics: Any) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(stop)
    assert read_evaluations(tmp_path / "stopped") == whole[:1]
    assert tiny_debate(tmp_path / "stopped", **small).run() == whole
    assert list(read_metrics(tmp_path / "stopped")) == list(read_metrics(tmp_path / "whole"))
    assert read_evaluations(tmp_path / "stopped") == whole
    with pytest.raises(CheckpointError, match=r"seed is 0 in the checkpoint and 1"):
        tiny_debate(tmp_path / "whole", seed=1, **small).run()


def test_a_finished_run_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SMALL | {"questions": 6}
    found = tiny_debate(tmp_path, **small).run()
    monkeypatch.setattr(DebateRun, "evaluate", None)
    monkeypatch.setattr(DebateRun, "step", None)
    assert tiny_debate(tmp_path, **small).run() == found


def test_a_frozen_player_stays_as_it_was(tmp_path: Path) -> None:
    for frozen, part in (("train_judge", "judge"), ("train_debater", "policy")):
        run = tiny_debate(tmp_path / part, **SMALL | {"questions": 6, frozen: False})
        models = {"judge": run.judge.model, "policy": run.policy.lm.model, "blind": run.blind_judge.model}
        before = {name: [p.clone() for p in model.parameters()] for name, model in models.items()}
        run.step(0)
        same = {
            name: all(torch.equal(p, q) for p, q in zip(model.parameters(), before[name], strict=True))
            for name, model in models.items()
        }
        assert same == {name: name == part for name in models}


def test_debaters_learn_nothing_where_all_rewards_are_equal(tmp_path: Path) -> None:
    run = tiny_debate(tmp_path, **SMALL | {"train_judge": False, "ppo": PPOConfig(estimator="rloo", kl_coef=0.0)})
    for parameter in run.judge.model.parameters():
        parameter.data.zero_()  # this judge finds both answers equally likely, whatever is said
    before = [p.clone() for p in run.policy.parameters().values()]
    statistics = run.step(0)
    assert statistics["ppo/incomparable"] == 1
    assert statistics["ppo/reward"] == 0
    assert all(torch.equal(p, q) for p, q in zip(run.policy.parameters().values(), before, strict=True))


def test_runs_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for settings, message in (
        ({"questions": 5}, "fewer than a batch"),
        ({"samples": 1}, "compares at least 2"),
        ({"evaluations": 1}, "evaluations=1"),
        ({"seen": 25}, "seen=25 of questions=24"),
        ({"best_of": (1, 2), "train_debater": False}, "best_of with train_debater=False"),
    ):
        with pytest.raises(ValueError, match=message):
            tiny_debate(tmp_path, **SMALL | settings)
    with pytest.raises(TypeError, match="give a TextPolicy, or train_debater=False"):
        tiny_debate(tmp_path, parts={"policy": ScriptedAgent(["I am right."])}, **SMALL)
    parts = tiny_parts()
    for changed, message in (
        ({"test": Stories("train")}, "different splits"),
        ({"judge": parts["blind_judge"]}, "must be different models"),
    ):
        with pytest.raises(ValueError, match=message):
            DebateRun(DebateConfig(questions=32, held_out=6), folder=tmp_path, **parts | changed)
