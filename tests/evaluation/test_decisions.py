"""A judge's metrics on hand-made records with known answers."""

from __future__ import annotations

import math
from dataclasses import astuple

import pytest
from evaluation_games import Questions, close, play

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.players import Players
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation import measure
from oversight_envs.evaluation.calibration import brier_parts
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
    # options' probabilities by bins: {.12}, {.27 right, .27 wrong}, {.5, .5, one right}, the others their mirror
    parts, whole = decisions.brier_parts, decisions.brier.value
    assert parts.reliability == pytest.approx((2 * (1 - p[0]) ** 2 + 4 * (p[1] - 0.5) ** 2) / 8)
    assert parts.uncertainty == pytest.approx(0.25)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(whole)


def test_the_brier_parts_tell_a_calibrated_judge_from_one_that_knows() -> None:
    def verdict(p: float) -> Verdict:
        return Verdict((math.log(p), math.log(1 - p)))

    sure = brier_parts([(str(k), verdict(0.75), int(k >= 3)) for k in range(4)])  # right as often as it says
    assert sure.reliability == pytest.approx(0)
    assert sure.resolution == pytest.approx(1 / 16)
    coin = brier_parts([(str(k), verdict(0.5), k % 2) for k in range(4)])
    assert (coin.reliability, coin.resolution, coin.uncertainty) == pytest.approx((0, 0, 0.25))
    vain = brier_parts([(str(k), verdict(0.95), k % 2) for k in range(4)])  # sure, and right half of the time
    assert vain.reliability == pytest.approx(0.45**2)
    assert vain.resolution == pytest.approx(0)
    thrice = [("0", verdict(0.75), 0)] * 3 + [("1", verdict(0.75), 1)]  # a question counts once, however often played
    assert astuple(brier_parts(thrice)) == pytest.approx(astuple(brier_parts(thrice[2:])))


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
