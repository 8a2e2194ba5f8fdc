"""Ratings: they find a known order, intervals cover, ties and sides are in the model, what is undefined is said."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tournament_players import STORIES, debater, judge, known_order

from oversight_envs.evaluation import elo, rate
from oversight_envs.evaluation.ratings import RIGHT, Game, bradley_terry
from oversight_envs.play import Pairing, tournament
from oversight_envs.protocols import Debate


def simulated(
    ratings: list[float], questions: int, rng: np.random.Generator, *, first: float, right: float, ease: float = 0.0
) -> list[Game]:
    """Games by the model, of all pairs; ``ease`` is how much questions differ in what the right answer is worth."""
    games = []
    for q in range(questions):
        easy = rng.normal(0, ease)
        for j in range(len(ratings)):
            for i in range(j):
                one, two = (i, j) if (i + j) % 2 else (j, i)
                for side in (1, -1):
                    ahead = ratings[one] - ratings[two] + first + side * (right + easy)
                    won = rng.random() < 1 / (1 + math.exp(-ahead))
                    games.append(Game(f"q{q}", f"a{one}", f"a{two}", float(won), side))
    return games


def test_the_model_recovers_what_made_the_games() -> None:
    true = [-1.2, -0.3, 0.4, 1.1]
    fit = bradley_terry(simulated(true, 1500, np.random.default_rng(0), first=0.5, right=0.8), resamples=1)
    assert [fit.ratings[f"a{k}"].value for k in range(4)] == pytest.approx(true, abs=0.1)
    assert (fit.first.value, fit.right.value) == pytest.approx((0.5, 0.8), abs=0.1)


def test_intervals_cover() -> None:
    """Of 95% intervals on questions that differ, about that many hold the truth."""
    true, held = [-0.8, 0.0, 0.8], []
    for seed in range(15):
        games = simulated(true, 30, np.random.default_rng(seed), first=0.3, right=0.4, ease=1.0)
        fit = bradley_terry(games, seed=seed, resamples=100)
        for number, value in enumerate(true):
            low, high = fit.ratings[f"a{number}"].interval or (math.nan, math.nan)
            assert 0.1 < high - low < 2
            held.append(low <= value <= high)
    assert 0.8 <= np.mean(held) <= 1


def test_two_agents_have_the_closed_form() -> None:
    """Two agents, seats even, no truth: log-odds of shares of points, a tie half of one, but for the prior."""
    points = {("a", "b"): [1.0] * 150 + [0.0] * 150, ("b", "a"): [1.0] * 180 + [0.5] * 120}
    games = [Game(f"q{k}", *pair, got, 0) for pair, taken in points.items() for k, got in enumerate(taken)]
    fit = bradley_terry(games, resamples=1)
    a_first, b_first = 0.0, math.log(0.8 / 0.2)  # of 1/2 and of (180 + 60) / 300
    difference = (fit.ratings["a"].value or 0) - (fit.ratings["b"].value or 0)
    assert difference == pytest.approx((a_first - b_first) / 2, abs=0.01)
    assert fit.first.value == pytest.approx((a_first + b_first) / 2, abs=0.01)
    assert fit.right.value is None


def test_eight_debaters_of_known_order_are_found(tmp_path: Path) -> None:
    agents = known_order(8)
    played = tournament(Debate(), STORIES, agents, {"judge_0": judge(truth=0.4)}, out=tmp_path, questions=24)
    found = rate(played, resamples=200)
    assert list(found.agents) == list(reversed(agents))
    assert found.ties > 0
    best, worst = found.agents["p0.95"], found.agents["p0.05"]
    assert best.rating.interval is not None
    assert worst.rating.interval is not None
    assert worst.rating.interval[1] < best.rating.interval[0]
    assert best.games == 7 * 24 * 2
    worth = found.advantages[RIGHT]
    assert worth.interval is not None
    assert worth.interval[0] > 0
    assert (best.wins_right.value or 0) > (best.wins_wrong.value or 1)
    # balanced sides: the judge's accuracy is that of the two shares of wins
    for rating in found.agents.values():
        expected = ((rating.wins_right.value or 0) + 1 - (rating.wins_wrong.value or 0)) / 2
        assert rating.judge_accuracy.value == pytest.approx(expected)
        assert rating.persuasiveness == (rating.rating, rating.judge_accuracy)
    turned = [Pairing(pairing.seats, pairing.records[::-1]) for pairing in reversed(played)]
    assert rate(turned, resamples=200) == found


def test_who_only_loses_or_only_wins_has_no_interval() -> None:
    games = [Game(f"q{k}", "good", "fair", float(k % 3 > 0), 0) for k in range(9)]
    games += [Game(f"q{k}", one, "never", 1.0, 0) for k in range(9) for one in ("good", "fair")]
    fit = bradley_terry(games, resamples=50)
    assert fit.bounded == {"good", "fair"}
    assert fit.ratings["never"].interval is None
    assert (fit.ratings["never"].value or 0) < (fit.ratings["fair"].value or 0)
    assert fit.ratings["good"].interval is not None
    always = bradley_terry([Game(f"q{k}", "a", "b", float(k > 3), 1 if k > 3 else -1) for k in range(9)], resamples=50)
    assert (always.right.value or 0) > 1
    assert always.right.interval is None


def test_self_play_is_told_apart(tmp_path: Path) -> None:
    agents = {"good": debater(0.9), "fair": debater(0.4)}
    options = {"out": tmp_path, "questions": 8, "samples": 2, "self_play": True}
    found = rate(tournament(Debate(), STORIES, agents, {"judge_0": judge(truth=0.5)}, **options), resamples=20)
    for rating in found.agents.values():
        assert rating.games == 8 * 2 * 2
        assert (rating.self_play_accuracy.value or 0) > 0.5
        assert rating.persuasiveness == (rating.rating, rating.self_play_accuracy)


def test_what_is_undefined_is_said(tmp_path: Path) -> None:
    two = [Game("q", "a", "b", 1.0, 1), Game("q", "c", "d", 1.0, -1)]
    with pytest.raises(ValueError, match=r"no chain of finished games connects these: a, b \| c, d"):
        bradley_terry(two)
    tree = [Game(f"q{k}", *pair, float(k > 1), 0) for k in range(5) for pair in (("a", "b"), ("c", "b"))]
    alone = bradley_terry(tree, resamples=5)
    assert alone.first.value is None  # b always sat second: that may be why it lost
    assert (alone.ratings["a"].value or 0) > 0 > (alone.ratings["b"].value or 0)
    with pytest.raises(ValueError, match="tournament of nobody"):
        rate([])
    with pytest.raises(TypeError, match="pairings holds"):
        rate([[]])  # type: ignore[list-item]
    agents = {"one": debater(0.3), "two": debater(0.7)}
    first, *_ = played = tournament(
        Debate(), STORIES, agents, {"judge_0": judge()}, out=tmp_path, questions=2, self_play=True
    )
    with pytest.raises(ValueError, match="tournament of one"):
        rate([p for p in played if set(p.seats.values()) == {"one"}])
    with pytest.raises(ValueError, match=r"holds an episode on question .* twice"):
        rate([first, first])
    longer = [replace(record, config={**record.config, "rounds": 2}) for record in first.records]
    with pytest.raises(ValueError, match=r"different ways .*rounds"):
        rate([*played[1:], Pairing(first.seats, longer)])
    unknown = [replace(record, question=replace(record.question, truth=None)) for record in first.records]
    assert rate([Pairing(first.seats, unknown)], resamples=5).advantages[RIGHT].value is None


def test_elo_is_a_scale() -> None:
    fit = bradley_terry([Game(f"q{k}", "a", "b", float(k < 10), 0) for k in range(11)] * 1, resamples=5)
    rating = fit.ratings["a"]
    assert elo(rating).value == pytest.approx(400 / math.log(10) * (rating.value or 0))
    assert elo(rating).n == 11
