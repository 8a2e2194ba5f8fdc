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
    """Two agents, seats even, no truth: the log-odds of the share of points, a tie half of one, but for the prior."""
    games = [Game(f"q{k}", *pair, 1.0, 0) for k in range(300) for pair in (("a", "b"), ("b", "a"))]
    games[: 2 * 150 : 2] = [game._replace(points=0.0) for game in games[: 2 * 150 : 2]]
    games[1 : 2 * 100 : 2] = [game._replace(points=0.5) for game in games[1 : 2 * 100 : 2]]
    a = 150 + 50
    fit = bradley_terry(games, resamples=1)
    difference = (fit.ratings["a"].value or 0) - (fit.ratings["b"].value or 0)
    share = {seat: sum(g.points for g in games if g.first == seat) / 300 for seat in "ab"}
    logit = {seat: math.log(p / (1 - p)) for seat, p in share.items()}
    assert sum(g.points if g.first == "a" else 1 - g.points for g in games) == a
    assert difference == pytest.approx((logit["a"] - logit["b"]) / 2, abs=0.01)
    assert fit.first.value == pytest.approx((logit["a"] + logit["b"]) / 2, abs=0.01)
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


def test_who_only_wins_has_no_interval(tmp_path: Path) -> None:
    agents = {"good": debater(0.6), "fair": debater(0.4), "never": debater(0.0)}

    def proves(turn: object) -> str:
        return "nothing"

    played = tournament(
        Debate(), STORIES, agents, {"judge_0": judge()}, out=tmp_path, questions=8, self_play=True, samples=2
    )
    # as if every tie with the one who never proves anything had been lost by it
    games = [
        Game(record.question.id, *pairing.seats.values(), 1.0 if pairing.seats["debater_1"] == "never" else 0.0, 0)
        for pairing in played
        for record in pairing.records
        if "never" in pairing.seats.values() and len(set(pairing.seats.values())) == 2
    ]
    games += [Game(f"q{k}", "good", "fair", float(k % 3 > 0), 0) for k in range(9)]
    fit = bradley_terry(games, resamples=50)
    assert fit.bounded == {"good", "fair"}
    assert fit.ratings["never"].interval is None
    assert (fit.ratings["never"].value or 0) < (fit.ratings["fair"].value or 0)
    assert fit.ratings["good"].interval is not None
    found = rate(played, resamples=20)
    assert found.agents["good"].self_play_accuracy.value is not None
    assert found.agents["good"].persuasiveness[1] == found.agents["good"].self_play_accuracy
    assert found.agents["good"].games == 2 * 8 * 2 * 2


def test_what_is_undefined_is_said(tmp_path: Path) -> None:
    two = [Game("q", "a", "b", 1.0, 1), Game("q", "c", "d", 1.0, -1)]
    with pytest.raises(ValueError, match=r"no chain of finished games connects these: a, b \| c, d"):
        bradley_terry(two)
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
