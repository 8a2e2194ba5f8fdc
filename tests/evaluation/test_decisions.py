"""A judge's metrics on hand-made records with known answers."""

from __future__ import annotations

import math

import pytest
from evaluation_games import Questions, close, play

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.players import Players
from oversight_envs.evaluation import measure
from oversight_envs.judges import CallableJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.report.page import page


def test_judge_metrics_of_known_verdicts() -> None:
    records = play(Debate(), Questions(4), {"q0": 2.0, "q1": 1.0, "q2": -1.0, "q3": 0.0})
    decisions = measure(records).decisions
    assert decisions is not None
    close(decisions.accuracy, 2.5 / 4)  # two right, one wrong, one tie worth half
    assert decisions.ties == 1
    assert decisions.chance == 0.5
    close(decisions.honest_wins, 2.5 / 4)
    close(decisions.dishonest_wins, 1.5 / 4)
    p = [1 / (1 + math.exp(-x)) for x in (2, 1, -1, 0)]
    close(decisions.log_score, sum(map(math.log, p)) / 4)
    close(decisions.brier, sum((1 - x) ** 2 for x in p) / 4)
    # bins of confidence: .88 right, {.73 right, .73 wrong}, .5 tie
    assert [b.count for b in decisions.bins] == [1, 2, 1]
    gap = abs(p[1] - 0.5) * 2 + (1 - p[0]) + 0.0
    assert decisions.calibration_error == pytest.approx(gap / 4)
    assert decisions.label_mass.value is None


def test_position_bias_cancels_the_merits_under_both_orders() -> None:
    task = Questions(4)
    judge = CallableJudge(log_odds=lambda case: 0.7 + (2.0 if case.options[0] == "the sister" else -2.0))
    players: Players = {"debater_0": ScriptedAgent(["a"]), "debater_1": ScriptedAgent(["b"]), "judge_0": judge}
    records = rollout(Debate(both_orders=True), task, players)
    decisions = measure(records).decisions
    assert decisions is not None
    close(decisions.position_bias, 0.7)
    assert decisions.position_bias.interval is None  # all the same: an interval of no width would claim certainty
    assert page(records[0]).bias == pytest.approx(0.7)
