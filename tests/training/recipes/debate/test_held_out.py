"""What a debate run is measured by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_debate import SMALL

from oversight_envs.core.speech import Speech
from oversight_envs.training.recipes.debate.tiny import each_line, tiny_debate

pytestmark = pytest.mark.usefixtures("one_thread")


class CountedLines:
    """Says another line in each draw, and counts them."""

    asked = 0

    def speak(self, turns: Any) -> list[Speech]:
        self.asked += len(turns)
        return [Speech(each_line(turn)) for turn in turns]


def test_best_of_n_curves_draw_each_candidate_once(tmp_path: Path) -> None:
    agent = CountedLines()
    run = tiny_debate(tmp_path, parts={"initial": CountedLines()}, **SMALL)
    curves = run.measures.best_of(agent, run.judge, (1, 2, 8))
    assert agent.asked == 12 * 2 * (8 + 1)  # and one more of the other side, which all are valued against
    assert curves["1"]["score"]["value"] == 0  # against itself, in both places
    assert curves["1"]["ranking_convincingness"]["value"] == curves["1"]["convincingness"]["value"] == 0.5
    assert curves["8"]["ranking_convincingness"]["value"] > 0.5
    assert curves["8"]["score"]["value"] > curves["2"]["score"]["value"] > 0
    alone = run.measures.best_of(CountedLines(), run.judge, (8,), opponent=CountedLines())
    assert alone["8"]["judge_accuracy"] == curves["8"]["judge_accuracy"]
    for name in ("score", "convincingness", "ranking_convincingness"):
        assert alone["8"][name]["value"] == pytest.approx(curves["8"][name]["value"], abs=1e-6)


def test_the_judge_trained_against_and_the_held_out_one_are_asked_about_the_same_debates(tmp_path: Path) -> None:
    run = tiny_debate(tmp_path, **SMALL)
    agent = CountedLines()
    under = {name: run.measures.convincingness(agent, judge) for name, judge in (("own", run.judge), ("out", None))}
    assert under["own"] != under["out"] == run.measures.convincingness(agent, run.held_out_judge)
    measured = run.measures.measure(agent, run.judge, run.blind_judge)
    assert measured["convincingness_trained_against"]["value"] == under["own"].value
