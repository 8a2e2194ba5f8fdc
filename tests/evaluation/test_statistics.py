"""Estimates and their intervals, against textbook values."""

from __future__ import annotations

import math

from evaluation_games import close

from oversight_envs.evaluation import Estimate
from oversight_envs.evaluation.statistics import mean, share


def test_wilson_interval_of_a_textbook_case() -> None:
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662
    close(share((i, float(i < 81)) for i in range(263)), 81 / 263, 0.2553, 0.3662)


def test_intervals_are_over_questions_not_episodes() -> None:
    once = share([("a", 1.0), ("b", 0.0)])
    assert share([("a", 1.0)] * 50 + [("b", 0.0)] * 50) == once
    assert once.n == 2
    assert mean([("a", 1.0)] * 50 + [("b", 0.0)]).value == 0.5


def test_undefined_is_never_a_number() -> None:
    assert share([]).value is None
    assert Estimate(math.nan, math.inf, -math.inf) == Estimate(None)
    assert Estimate(math.nan).text() == "undefined"
    assert mean([("a", 2.0)]) == Estimate(2.0, n=1)
