"""Evaluations in a folder: what is kept, what goes on, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_games import Questions, players_of

from oversight_envs.evaluation import Evaluation, evaluate
from oversight_envs.play import StoreError
from oversight_envs.protocols import Debate


def test_evaluate_keeps_everything_and_resumes(tmp_path: Path) -> None:
    game, task = Debate(), Questions(4)
    first = evaluate(game, task, players_of(game), questions=3, out=tmp_path)
    assert list(first.conditions) == ["debate", "blind", "expert"]
    ids = [[r.question.id for r in records] for records in first.conditions.values()]
    assert ids[0] == ids[1] == ids[2]
    before = (tmp_path / "debate.jsonl").read_bytes()
    more = evaluate(game, task, players_of(game), questions=4, out=tmp_path)
    after = (tmp_path / "debate.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 4
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["version"] == 1
    assert summary["settings"]["questions"] == 4
    assert summary["metrics"]["debate"]["judges"]["judge_0"]["accuracy"]["value"] == 0.5
    assert summary["gain_in_accuracy_over"]["blind"]["value"] == 0
    assert Evaluation.load(tmp_path).metrics == more.metrics


@pytest.mark.parametrize("change", [{"seed": 1}, {"samples": 2}, {"about": {"path": "other"}}])
def test_a_folder_holds_one_run(tmp_path: Path, change: dict[str, Any]) -> None:
    game = Debate()
    evaluate(game, Questions(2), players_of(game), out=tmp_path)
    with pytest.raises(StoreError, match="another"):
        evaluate(game, Questions(2), players_of(game), out=tmp_path, **change)


def test_baselines_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    game = Debate()
    with pytest.raises(ValueError, match="baselines='expert'"):
        evaluate(game, Questions(2, passage=""), players_of(game), out=tmp_path, baselines=["expert"])
    with pytest.raises(ValueError, match="choose from"):
        evaluate(game, Questions(2), players_of(game), out=tmp_path, baselines=["random"])


def test_all_conditions_share_the_questions_given_and_say_how_far_they_are(tmp_path: Path) -> None:
    game, task, told = Debate(), Questions(4), []
    chosen = [task[3], task[1]]
    found = evaluate(
        game,
        task,
        players_of(game),
        questions=chosen,
        samples=2,
        out=tmp_path,
        on_record=lambda *seen: told.append(seen),
    )
    assert [record.question.id for record in found.conditions["debate"]] == ["q3", "q3", "q1", "q1"]
    assert [record.question.id for record in found.conditions["expert"]] == ["q3", "q1"]
    assert told == [
        *(("debate", done, 4) for done in range(5)),
        *(("blind", done, 2) for done in range(3)),
        *(("expert", done, 2) for done in range(3)),
    ]
