"""The example that compares protocols, on a few questions and with players that were taught nothing for it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from oversight_envs.models import load

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    runs = importlib.import_module("reproduction.protocol_runs")
    for name, value in {"BATCH": 4, "TRAINING": 8, "HELD_OUT": 6, "JUDGE_FIRST": 1}.items():
        monkeypatch.setattr(runs, name, value)
    taught = {
        "stories": {"speaker": lambda: load("tiny-stories-debater")},
        "arithmetic": {
            "speaker": lambda: load("tiny-arithmetic-prover"),
            "first_judge": lambda: load("tiny-arithmetic-verifier"),
        },
    }
    monkeypatch.setattr(runs, "KINDS", {task: kind._replace(**taught[task]) for task, kind in runs.KINDS.items()})
    return runs


def test_speakers_and_both_judges_learn_under_each_kind_of_game(example: Any) -> None:
    for name in ("double consultancy", "consultancy", "critique"):
        kind = example.KINDS[example.GAMES[name][0]]
        run = example.Run(name, 0, kind.speaker(), kind.first_judge())
        before = [trainer.tensors() for trainer in (*run.trainers, run.ppo)]
        before = [{key: value.clone() for key, value in tensors.items()} for tensors in before]
        logged = []
        first, last = run.run(2, lambda step, numbers, logged=logged: logged.append((step, {*numbers})))
        assert [step for step, _ in logged] == [1, 2]
        assert logged[1][1] > logged[0][1]  # speakers learn from the second step on
        assert (first["step"], last["step"]) == (1, 2)
        assert last["judge right"]["n"] == last["alone right"]["n"] == 6
        for trainer, tensors in zip((*run.trainers, run.ppo), before, strict=True):
            now = trainer.tensors()
            assert any(not (now[key] == value).all() for key, value in tensors.items()), name


def test_what_the_same_code_and_settings_made_is_kept_and_makes_the_table(example: Any, tmp_path: Path) -> None:
    make = importlib.import_module("reproduction.jobs").Job
    jobs = [
        make(f"{name}-{seed}", tmp_path / f"{name}-{seed}", 2, (tmp_path, name, seed, 2))
        for name in ("debate", "consultancy")
        for seed in (0, 1)
    ]
    example.first_models(tmp_path, ["debate", "consultancy"])
    for job in jobs:
        example.play(job.folder, *job.arguments)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/evaluations/*")}
    assert len(kept) == 8
    for job in jobs:
        example.play(job.folder, *job.arguments)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/evaluations/*")} == kept
    with pytest.raises(SystemExit, match="made by other code or settings: remove it"):
        example.play(jobs[0].folder, tmp_path, "debate", 0, 3)
    tables = importlib.import_module("reproduction.protocol_table")
    results = tables.Results(example.kept_runs(jobs), 1.0)
    assert len(list(results.rows)) == 8
    figures = tables.draw(results, tmp_path, "compare_protocols")
    assert all((tmp_path / figure).stat().st_size > 1000 for figure in figures)
    page = tables.table(results, figures)
    assert "| debate less consultancy |" in page
    assert "nan" not in page


def test_a_criticism_puts_the_first_wrong_sum_right(example: Any) -> None:
    players = importlib.import_module("reproduction.protocol_players")
    task = example.KINDS["arithmetic"].train
    question = task[0]
    right = question.metadata["solution"]
    assert players.criticism(question, right, task) == "Yes\nAnswer: right"
    *lines, _ = right.split("\n")
    wrong = lines[0].replace(" ;", "1 ;")  # another result
    said = players.criticism(question, "\n".join([wrong, *lines[1:], "Answer: 3000"]), task)
    assert said == f"No\n{lines[0]}\nAnswer: No"
