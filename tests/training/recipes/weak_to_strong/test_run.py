"""The weak-to-strong recipe with the tiny models: it runs, resumes to the same numbers, and refuses nonsense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oversight_envs.tasks.stories import Stories
from oversight_envs.training import CheckpointError, read_metrics
from oversight_envs.training.recipes.weak_to_strong.reading import Reading
from oversight_envs.training.recipes.weak_to_strong.run import WeakToStrongRun, read_supervisors
from oversight_envs.training.recipes.weak_to_strong.tiny import tiny_weak_to_strong

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[str, Any] = {
    "weak_questions": 8,
    "student_questions": 8,
    "held_out": 6,
    "batch": 4,
    "debates": (0, 2),
    "losses": ("soft", "confidence"),
    "checkpoint_every": 1,
}


def test_a_run_that_was_stopped_ends_with_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_weak_to_strong(tmp_path / "whole", **SMALL)
    names = [stage.name for stage in run.config.stages]
    assert names == ["ceiling", "weak-0", "soft-0", "confidence-0", "weak-1", "soft-2", "confidence-2"]
    whole = run.run()
    assert [row["debates"] for row in whole] == [0, 2]
    assert whole == read_supervisors(tmp_path / "whole")
    assert whole[0]["ceiling"] == whole[1]["ceiling"]
    assert whole[0]["soft"]["n"] == 6
    assert whole[0]["before"]["value"] == 0.5  # its head is new
    assert whole[0]["soft_recovered"] == whole[0]["soft_recovered_from_blind"]

    def stop(step: int, stage: str, statistics: Any) -> None:
        if step in (3, 11):  # amid a weak judge's training, and a student's
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tiny_weak_to_strong(tmp_path / "stopped", **SMALL).run(stop)
    assert tiny_weak_to_strong(tmp_path / "stopped", **SMALL).run() == whole
    assert list(read_metrics(tmp_path / "stopped")) == list(read_metrics(tmp_path / "whole"))
    with pytest.raises(CheckpointError, match=r"seed is 0 in the checkpoint and 1"):
        tiny_weak_to_strong(tmp_path / "whole", seed=1, **SMALL).run()
    monkeypatch.setattr(WeakToStrongRun, "_training", None)
    assert tiny_weak_to_strong(tmp_path / "whole", **SMALL).run() == whole  # nothing is computed again


def test_no_question_is_in_two_sets(tmp_path: Path) -> None:
    run = tiny_weak_to_strong(tmp_path, **SMALL)
    ids = [{q.id for q in questions} for questions in (run.weak_questions, run.questions, run.held_out)]
    assert [len(found) for found in ids] == [8, 8, 6]
    assert len(set.union(*ids)) == 22


def test_runs_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for settings, message in (
        ({"weak_questions": 3}, "weak_questions=3 are fewer than a batch of 4"),
        ({"debates": ()}, "give at least one"),
        ({"debates": (1, 1)}, "each once"),
        ({"debates": (-1,)}, "debates=-1"),
        ({"losses": ("harsh",)}, "losses='harsh'"),
        ({"confidence": 2.0}, "a share from 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            tiny_weak_to_strong(tmp_path, **SMALL | settings)
    run = tiny_weak_to_strong(tmp_path / "run", **SMALL)
    blind, debate = run.supervisors
    parts = {"blind": blind, "debate": debate, "student": run.student, "weak": run.weak, "strong": run.strong}
    with pytest.raises(ValueError, match="different splits"):
        WeakToStrongRun(run.config, train=Stories("test"), test=Stories("test"), folder=tmp_path, **parts)
    for players, message in (({}, "nobody plays debater_0, debater_1"), (debate.players | {"judge_0": 0}, "who reads")):
        with pytest.raises(ValueError, match=message):
            Reading(debate.game, players)
