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
    for name, value in {"BATCH": 4, "TRAINING": 8, "HELD_OUT": 6, "JUDGE_FIRST": 1, "STEPS": 2}.items():
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
        first, last = run.run()
        assert (first["step"], last["step"]) == (1, 2)
        assert last["judge right"]["n"] == last["alone right"]["n"] == 6
        for trainer, tensors in zip((*run.trainers, run.ppo), before, strict=True):
            now = trainer.tensors()
            assert any(not (now[key] == value).all() for key, value in tensors.items()), name


def test_what_is_kept_is_not_played_again_and_makes_the_table(example: Any, tmp_path: Path) -> None:
    names, seeds = ["debate", "consultancy"], [0, 1]
    example.play_all(tmp_path, names, seeds)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert len(kept) == 4
    example.play_all(tmp_path, names, seeds)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")} == kept
    tables = importlib.import_module("reproduction.protocol_table")
    results = tables.Results(example.kept_runs(tmp_path, names, seeds))
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
