"""The metrics of one condition: what counts, and what is never pooled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evaluation_games import Questions, close, play

from oversight_envs.evaluation import Evaluation, compare, measure
from oversight_envs.protocols import Debate, Direct
from oversight_envs.report.report import render_report
from oversight_envs.report.sentences import sentences


def test_truncated_episodes_are_counted_and_left_out() -> None:
    records = play(Debate(), Questions(3), {f"q{i}": 1.0 for i in range(3)})
    records[1] = replace(records[1], outcome=None, truncated="judge_0 gave two ambiguous answers", rewards={})
    metrics = measure(records)
    assert (metrics.episodes, metrics.truncated) == (3, 1)
    assert metrics.decisions is not None
    assert metrics.decisions.accuracy.n == 2
    assert "ambiguous" in render_report([Evaluation({"debate": records})])


def test_unknown_truth_gives_no_accuracy() -> None:
    records = play(Direct(), Questions(2), {"q0": 1.0, "q1": 1.0})
    records = [replace(r, question=replace(r.question, truth=None), correct={}) for r in records]
    metrics = measure(records)
    assert metrics.decisions is None
    assert "nothing can be said" in sentences(Evaluation({"direct": records}))[0]
    render_report([Evaluation({"direct": records})])


def test_configurations_are_never_pooled() -> None:
    odds = {"q0": 1.0, "q1": 1.0}
    with pytest.raises(ValueError, match=r"config\.rounds is 1 in the one and 2 in the other"):
        measure(play(Debate(), Questions(2), odds) + play(Debate(rounds=2), Questions(2), odds))


def test_paired_comparison() -> None:
    right = play(Debate(), Questions(10), {f"q{i}": 1.0 for i in range(10)})
    half = play(Debate(), Questions(10), {f"q{i}": 1.0 if i < 5 else -1.0 for i in range(10)})
    gain = compare(right, half, seed=3)
    close(gain, 0.5)
    assert gain == compare(right, half, seed=3)
    assert gain.low is not None
    assert 0.1 < gain.low < 0.5
    close(compare(right, right), 0.0)
    assert compare(right, right).interval is None
    assert compare(right, play(Debate(), Questions(1), {"q0": 1.0})).n == 1
