"""Estimates and their intervals, against textbook values."""

from __future__ import annotations

import math

import pytest
from evaluation_games import close
from small_tasks import Things

from oversight_envs.evaluation import Estimate, measure
from oversight_envs.evaluation.solutions import ScoredSolution, auc
from oversight_envs.evaluation.statistics import mean, mean_share, paired_difference, share
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet


def test_wilson_interval_of_a_textbook_case() -> None:
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662
    close(share((i, float(i < 81)) for i in range(263)), 81 / 263, 0.2553, 0.3662)


def test_intervals_are_over_questions_not_episodes() -> None:
    once = share([("a", 1.0), ("b", 0.0)])
    assert share([("a", 1.0)] * 50 + [("b", 0.0)] * 50) == once
    assert once.n == 2
    assert mean([("a", 1.0)] * 50 + [("b", 0.0)]).value == 0.5


def test_intervals_of_mean_shares_stay_shares() -> None:
    seeds = [0.0, 0.02, 0.5, 0.9]
    plain, found = mean(enumerate(seeds)), mean_share(enumerate(seeds))
    assert plain.low is not None
    assert plain.low < 0
    assert found.value == plain.value
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < found.value < found.high <= 1  # type: ignore[operator]
    # the mean's t interval is .5 +- 4.3027 x .1 / sqrt(3) = .5 +- .24841; times a slope of 4, expit(+-.99366)
    close(mean_share(enumerate([0.4, 0.5, 0.6])), 0.5, 0.27019, 0.72981)
    assert mean_share([]).value is None
    assert mean_share(enumerate([1.0, 1.0])).interval is None
    with pytest.raises(ValueError, match="shares are from 0 to 1"):
        mean_share(enumerate([1.5, 1.7]))


def test_undefined_is_never_a_number() -> None:
    assert share([]).value is None
    assert Estimate(math.nan, math.inf, -math.inf) == Estimate(None)
    assert Estimate(math.nan).text() == "undefined"
    assert mean([("a", 2.0)]) == Estimate(2.0, n=1)


def test_the_order_of_the_episodes_makes_no_difference() -> None:
    records = rollout(Debate(), Things(), dict.fromkeys(Debate.roles, Puppet()), samples=5)
    shuffled = sorted(records, key=lambda record: record.seed)
    assert shuffled != records
    assert repr(measure(records)) == repr(measure(shuffled))
    pairs = [(key, value) for key in "abcdefg" for value in (0.1, 0.2, 0.3)]
    other = paired_difference(pairs[::-1], [(key, 0.7 * ord(key)) for key in "gfedcba"])
    assert paired_difference(pairs, [(key, 0.7 * ord(key)) for key in "abcdefg"]) == other
    solutions = [ScoredSolution(f"q{k % 7}", "helpful_0", k % 3 > 0, True, k * 0.7 % 1.3) for k in range(40)]
    assert auc(solutions) == auc(solutions[::-1])
