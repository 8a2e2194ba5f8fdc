"""Records as flat rows."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation_games import HOSTILE, Questions, play, solve

from oversight_envs.evaluation import Evaluation, to_frame, to_rows
from oversight_envs.protocols import Debate, Direct


def test_one_row_for_each_episode() -> None:
    debates = play(Debate(rounds=2), Questions(2), {"q0": 1.0, "q1": 0.0}, [HOSTILE])
    first, second = to_rows(debates)
    assert list(first) == list(second)
    expected = {
        "protocol": "debate", "task": "questions/all", "question_id": "q0", "truth": "the sister", "config.rounds": 2,
        "ended": "finished", "reason": None, "decisions": 1, "choice": "the sister", "correct": 1.0,
        "debater_0.player": "scripted", "debater_0.argues_for": "the miller", "debater_0.honest": False,
        "debater_0.reward": -1.0, "debater_0.speeches": 2, "debater_0.quotes": 4, "debater_0.verified_quotes": 2,
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    assert first["truth_probability"] == first["choice_probability"] == pytest.approx(0.731, abs=1e-3)
    assert first["log_score"] == pytest.approx(-0.313, abs=1e-3)
    assert (second["choice"], second["correct"], second["truth_probability"]) == (None, 0.5, 0.5)


def test_conditions_and_games_of_other_columns_share_a_table() -> None:
    conditions = {"pv": solve(lambda solution: 1.0, ["Answer: 1"]), "blind": play(Direct(), Questions(1), {"q0": 1.0})}
    rows = to_rows(conditions)
    assert [row["condition"] for row in rows] == ["pv"] * 4 + ["blind"]
    assert len({tuple(row) for row in rows}) == 1
    assert (rows[1]["helpful_0.answer"], rows[1]["helpful_0.correct"], rows[1]["helpful_0.score"]) == ("1", True, 1.0)
    assert rows[4]["helpful_0.answer"] is None
    assert to_rows([]) == []
    with pytest.raises(TypeError, match="records holds 'pv'"):
        to_rows(["pv"])  # type: ignore[list-item]


def test_a_frame_needs_pandas_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    records = play(Direct(), Questions(2), {"q0": 1.0, "q1": 1.0})

    class Frame(list[Any]):
        pass

    class Pandas:
        DataFrame = Frame

    monkeypatch.setitem(__import__("sys").modules, "pandas", Pandas)
    assert to_frame(records) == to_rows(records)
    assert Evaluation({"direct": records}).to_frame() == to_rows({"direct": records})
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install pandas; to_rows"):
        to_frame(records)
