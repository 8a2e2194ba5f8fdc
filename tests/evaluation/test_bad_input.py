"""What a user can get wrong with evaluations: what is meant is taken, the rest is refused by name, value and fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_games import Questions, play, players_of

from oversight_envs.evaluation import Estimate, Evaluation, compare, evaluate, measure, to_rows
from oversight_envs.evaluation.solutions import balanced_best_of
from oversight_envs.evaluation.statistics import bootstrap, paired_difference
from oversight_envs.protocols import Debate, Direct

GAME = Debate()
RECORDS = play(Direct(), Questions(2), {"q0": 1.0, "q1": 1.0})
NO_RECORDS: list[tuple[Any, str]] = [
    (None, "=None: give a list of Records"),
    ("episodes.jsonl", r"='episodes.jsonl'.*read_episodes"),
    (Path("episodes.jsonl"), "read_episodes"),
    (RECORDS[0], r"is one Record: give a list of them, \[record\]"),
    ([RECORDS[0], None], "holds None"),
    ([RECORDS[0].to_json()], "holds '"),
]

BAD: list[tuple[Callable[[Path], Any], str]] = [
    *((lambda _, given=given: measure(given), "records" + message) for given, message in NO_RECORDS[:1]),
    *((lambda _, given=given: measure(given), message) for given, message in NO_RECORDS),
    *((lambda _, given=given: compare(RECORDS, given), message) for given, message in NO_RECORDS),
    *((lambda _, given=given: to_rows(given), message) for given, message in NO_RECORDS),
    *((lambda _, given=given: Evaluation({"a": given}), r"conditions\['a'\]") for given, _ in NO_RECORDS),
    (lambda _: Evaluation({}), r"conditions=\{\}.*records by condition"),
    (lambda _: Evaluation(RECORDS), "conditions=.*records by condition"),  # type: ignore[arg-type]
    *((lambda _, seed=seed: compare(RECORDS, RECORDS, seed=seed), "seed=") for seed in ("3", 2.0, True, -1)),
    *((lambda _, n=n: balanced_best_of([], n), "n=") for n in ("4", 2.0, True, 3, 0)),
    (lambda _: bootstrap(3, lambda rows: 0.0, resamples=2.5), "resamples=2.5"),  # type: ignore[arg-type]
    (lambda _: Estimate("0.5"), "value='0.5': give a number"),  # type: ignore[arg-type]
    (lambda _: Estimate(0.5).text("per cent"), r"style='per cent': choose one of.*'percent'"),
    *(
        (lambda out, change=change: evaluate(**given(out, **change)), message)
        for change, message in (
            ({"samples": "3"}, "samples='3'"),
            ({"samples": 2.0}, "samples=2.0"),
            ({"samples": True}, "samples=True"),
            ({"concurrency": 0}, "concurrency=0"),
            ({"baselines": "both"}, "baselines='both': choose from blind, expert"),
            ({"baselines": [None]}, "baselines=None"),
            ({"out": None}, "out=None: give the path"),
            ({"protocol": Debate}, r"give a game \(Debate\(\)\)"),
            ({"task": Questions}, "give a task"),
            ({"protocol": "debat"}, "did you mean 'debate'"),
        )
    ),
]


def given(folder: Path, **change: Any) -> dict[str, Any]:
    return {"protocol": GAME, "task": Questions(2), "players": players_of(GAME), "out": folder / "run", **change}


@pytest.mark.parametrize(("use", "message"), BAD)
def test_what_is_not_meant_is_refused_before_anything_is_written(
    use: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        use(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_meant_is_taken(tmp_path: Path) -> None:
    assert measure(iter(RECORDS)).episodes == 2  # type: ignore[arg-type]
    assert to_rows(record for record in RECORDS) == to_rows(RECORDS)
    one = evaluate(**given(tmp_path, protocol="debate", samples=np.int64(1), baselines="blind"))
    assert list(one.conditions) == ["debate", "blind"]
    assert paired_difference([("q", 1.0)], [("q", 0.5)], seed=np.int64(1)).value == 0.5  # type: ignore[arg-type]
    assert Estimate(np.float32(0.5)).value == 0.5  # type: ignore[arg-type]
