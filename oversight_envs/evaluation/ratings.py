"""Ratings of the agents of a tournament: Bradley-Terry, with what a seat and the right answer are worth, and intervals.

The model: the log-odds that one agent beats another are the difference of their ratings, plus what it is worth to play
the first of the two roles, plus what it is worth to argue for the right answer. A tie is half a win for each, as in
chess: what a rating predicts is the share of points. Ratings are on the scale of log-odds with mean 0; Elo's scale is
400 / ln 10 times that (``elo``).

The fit is a logistic regression by scikit-learn, which the extra ``evaluation`` has anyway. ``choix``, which is made
for such data, takes bare pairs of winner and loser: no ties, no weights (a bootstrap needs them), no advantage of a
side. Both maximise a penalised likelihood; the penalty here is a normal prior of ``PRIOR`` log-odds, without which an
agent that won or lost every game would be rated at infinity.

Intervals are 95%, by a bootstrap over questions: the games on one question, by whatever pairs, are alike.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.core.record import Record
from oversight_envs.evaluation.decisions import credits
from oversight_envs.evaluation.records import as_records
from oversight_envs.evaluation.statistics import LEVEL, SAME, UNDEFINED, Estimate, share
from oversight_envs.play.identity import first_difference
from oversight_envs.play.tournament import Pairing, points

PRIOR = 3.0
"""Standard deviation of the prior of every rating and advantage, in log-odds (521 points of Elo)."""
ELO = 400 / math.log(10)
"""Points of Elo in one unit of log-odds."""
RIGHT = "the right answer"


@dataclass(frozen=True, slots=True)
class Rating:
    """What a tournament says of one agent. Persuasiveness is how often it won, by what it argued for."""

    rating: Estimate
    """In log-odds. Without an interval where the games say only "better" or "worse": see ``bradley_terry``."""
    games: int
    wins: Estimate
    """Share of points against others: 1 a win, 1/2 a tie."""
    wins_right: Estimate
    """The same, arguing for the right answer."""
    wins_wrong: Estimate
    """The same, arguing for a wrong one."""
    judge_accuracy: Estimate
    """How often the judge was right in its games against others."""
    self_play_accuracy: Estimate
    """How often the judge was right where it debated itself: undefined without self-play."""

    @property
    def persuasiveness(self) -> tuple[Estimate, Estimate]:
        """A point of Khan et al.'s figure (2024, arXiv 2402.06782): rating against the judge's accuracy.

        The accuracy with debaters all like this one where there was self-play, as there; else in its games against
        others. As those are balanced, that is fixed by the two shares of wins, and others' skill is in it.
        """
        accuracy = self.judge_accuracy if self.self_play_accuracy.value is None else self.self_play_accuracy
        return self.rating, accuracy


@dataclass(frozen=True, slots=True)
class Ratings:
    """Agents, the best first, and what sides are worth; ``advantages`` are in log-odds, as ratings are."""

    agents: Mapping[str, Rating]
    advantages: Mapping[str, Estimate]
    """What it is worth to play the first role, by its name, and to argue for ``RIGHT``; undefined if never known."""
    ties: int
    unfinished: int
    """Episodes without a result, which count nowhere."""
    unbounded: tuple[str, ...] = ()
    """Agents whose rating the prior holds and not the games."""

    def __str__(self) -> str:
        lines = [f"{name}: {found.rating.text('signed')}" for name, found in self.agents.items()]
        return "\n".join([*lines, *(f"{of}: {worth.text('signed')}" for of, worth in self.advantages.items())])


def elo(estimate: Estimate) -> Estimate:
    """An estimate in log-odds on Elo's scale, where 400 points are odds of 10 to 1; the mean agent has 0."""
    low, high = estimate.low, estimate.high
    return Estimate(
        None if estimate.value is None else ELO * estimate.value,
        None if low is None else ELO * low,
        None if high is None else ELO * high,
        estimate.n,
    )


class Game(NamedTuple):
    """One finished game, as the model sees it."""

    question: str
    first: str
    second: str
    points: float
    right: int
    """1 where the first argued for the right answer, -1 where the second did, else 0."""


class Fit(NamedTuple):
    """The model's estimates, in log-odds."""

    ratings: Mapping[str, Estimate]
    first: Estimate
    """Worth of playing the first role; undefined where who sat where can't be told from who is better."""
    right: Estimate
    """Worth of arguing for the right answer."""
    bounded: frozenset[str]
    """The largest group of agents who all took points from one another, be it by way of others."""


def rate(pairings: Iterable[Pairing], *, seed: int = 0, resamples: int = 1000) -> Ratings:
    """The ratings of the agents that played ``pairings``, which share one game, one task and one judge.

    Ties and all finished episodes count; the order of pairings and records makes no difference.

    Raises ValueError for fewer than two agents, for agents that no chain of games connects (their ratings can't be
    compared), and for games played in different ways.
    """
    at_least("seed", seed, 0)
    at_least("resamples", resamples, 1)
    pairings = list(pairings)
    for pairing in pairings:
        if not isinstance(pairing, Pairing):
            raise TypeError(
                f"pairings holds {pairing!r:.80}: give what tournament() returns, or Pairing(seats, records)"
            )
    records = {id(pairing): as_records(pairing.records, f"the pairing {pairing.name}") for pairing in pairings}
    _check_pairings(pairings)
    names = sorted({name for pairing in pairings for name in pairing.seats.values()})
    if len(names) < 2:
        raise ValueError(f"pairings: a tournament of {', '.join(names) or 'nobody'} rates nobody; give at least two")
    role = next(iter(pairings[0].seats))
    games = []
    for pairing in pairings:
        first, second = pairing.seats.values()
        for record in records[id(pairing)]:
            if (point := points(record, role)) is not None:
                games.append(Game(record.question.id, first, second, point, _right(record, role)))
    fit = bradley_terry(games, names, seed=seed, resamples=resamples)
    best_first = sorted(names, key=lambda name: (-(fit.ratings[name].value or 0.0), name))
    return Ratings(
        {name: _rating(name, fit.ratings[name], pairings, records) for name in best_first},
        {role: fit.first, RIGHT: fit.right},
        ties=sum(game.points == 0.5 for game in games),
        unfinished=sum(map(len, records.values())) - len(games),
        unbounded=tuple(name for name in best_first if name not in fit.bounded),
    )


def _check_pairings(pairings: Sequence[Pairing]) -> None:
    first: dict[str, Any] | None = None
    seen = set()
    for pairing in pairings:
        if len(pairing.seats) != 2:
            raise ValueError(f"pairing {pairing.name}: two roles have agents, and here {len(pairing.seats)}")
        for record in pairing.records:
            episode = (*pairing.seats.items(), record.question.id, record.seed)
            if episode in seen:
                raise ValueError(f"pairing {pairing.name} holds an episode on question {record.question.id!r} twice")
            seen.add(episode)
            way = {
                "protocol": record.protocol,
                "config": dict(record.config),
                "task": record.task,
                "seats": list(pairing.seats),
                "players": {role: dict(p) for role, p in record.players.items() if role not in pairing.seats},
            }
            first = first or way
            if difference := first_difference(first, way):
                raise ValueError(
                    f"pairings were played in different ways ({pairing.name}): {difference}. Rate each way for itself"
                )


def _right(record: Record, first: str) -> int:
    """Who argues for the right answer."""
    return sum(
        (1 if role == first else -1) for role, side in record.assigned.sides.items() if side == record.question.truth
    )


def _bounded(names: Sequence[str], games: Sequence[Game]) -> set[str]:
    """The largest group of agents who all took points from one another. Raises ValueError for parts without games."""
    from scipy.sparse.csgraph import connected_components

    place = {name: number for number, name in enumerate(names)}
    took = np.zeros((len(names), len(names)))
    for game in games:
        took[place[game.first], place[game.second]] += game.points
        took[place[game.second], place[game.first]] += 1 - game.points
    parts, part = connected_components(took, directed=True, connection="weak")
    if parts > 1:
        groups = [", ".join(name for name in names if part[place[name]] == number) for number in range(parts)]
        raise ValueError(
            f"no chain of finished games connects these: {' | '.join(groups)}; so their ratings can't be compared. "
            "Play pairings between them: more rounds, or schedule='round-robin'"
        )
    _, group = connected_components(took, directed=True, connection="strong")
    sizes = np.bincount(group)
    largest = int(sizes.argmax())
    return {name for name in names if group[place[name]] == largest} if sizes[largest] > 1 else set()


def bradley_terry(
    games: Sequence[Game], names: Sequence[str] | None = None, *, seed: int = 0, resamples: int = 1000
) -> Fit:
    """The model fitted to games of ``names`` (None: of those who play in them), whatever the order of the games.

    Who is outside of the largest group of agents who all took points from one another has no interval: that it always
    won (or lost) against them says "better", and not by how much. Raises ValueError where no chain of games connects
    two of the agents.
    """
    names = sorted(set(names or ()) | {name for game in games for name in (game.first, game.second)})
    bounded = _bounded(names, games)
    questions = sorted({game.question for game in games})
    kinds = sorted({(game.first, game.second, game.right) for game in games})
    asked, kind = {key: n for n, key in enumerate(questions)}, {key: n for n, key in enumerate(kinds)}
    got = np.zeros((len(questions), 2, len(kinds)))  # points of the first and of the second, by question
    for game in games:
        place = kind[game.first, game.second, game.right]
        got[asked[game.question], :, place] += game.points, 1 - game.points
    design = np.zeros((len(kinds), len(names) + 2))
    for row, (first, second, right) in zip(design, kinds, strict=True):
        row[names.index(first)] += 1
        row[names.index(second)] -= 1
        row[-2:] = 1, right
    for column in (-1, -2):  # what can't be told from the agents' skill is left out
        without = np.delete(design, column, axis=1)
        if np.linalg.matrix_rank(without) == np.linalg.matrix_rank(design):
            design[:, column] = 0
    values = _regress(design, got.sum(0))
    drawn = np.empty((0, len(values)))
    if (n := len(questions)) > 1:
        chosen = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
        drawn = np.array([_regress(design, weights) for weights in np.tensordot(chosen, got, 1)])
    *ratings, first_role, right_answer = (_interval(*column, n) for column in zip(values, drawn.T, strict=True))
    return Fit(
        {
            name: rating if name in bounded else Estimate(rating.value, n=n)
            for name, rating in zip(names, ratings, strict=True)
        },
        _worth(first_role, design[:, -2], [game.points for game in games]),
        _worth(
            right_answer,
            design[:, -1],
            [game.points if game.right > 0 else 1 - game.points for game in games if game.right],
        ),
        frozenset(bounded),
    )


def _worth(found: Estimate, column: np.ndarray, taken: Sequence[float]) -> Estimate:
    """The worth of a side that took these points: undefined if nothing tells it, unbounded if it took all or none."""
    if not column.any():
        return UNDEFINED
    return found if 0 < sum(taken) < len(taken) else Estimate(found.value, n=found.n)


def _interval(value: float, draws: np.ndarray, n: int) -> Estimate:
    if len(draws) == 0 or draws.max() - draws.min() < SAME:  # no width would claim to be certain
        return Estimate(float(value), n=n)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value), float(low), float(high), n)


def _regress(design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The coefficients under which the first wins with these weights (row 0), and loses with those (row 1)."""
    from sklearn import config_context
    from sklearn.linear_model import LogisticRegression

    outcome = np.repeat((1, 0), len(design))
    model = LogisticRegression(C=PRIOR**2, fit_intercept=False, solver="newton-cholesky", tol=1e-8)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        found: np.ndarray = model.fit(np.vstack((design, design)), outcome, sample_weight=weights.ravel()).coef_[0]
    return found


def _rating(
    name: str, rating: Estimate, pairings: Sequence[Pairing], records: Mapping[int, Sequence[Record]]
) -> Rating:
    won: dict[str, list[tuple[str, float]]] = defaultdict(list)
    own: list[Record] = []
    mirrored: list[Record] = []
    for pairing in pairings:
        if set(pairing.seats.values()) == {name}:
            mirrored += records[id(pairing)]
            continue
        for role, agent in pairing.seats.items():
            for record in records[id(pairing)] if agent == name else ():
                point = points(record, role)
                if point is None:
                    continue
                own.append(record)
                won["all"].append((record.question.id, point))
                if record.question.truth is not None:
                    right = record.assigned.sides[role] == record.question.truth
                    won["right" if right else "wrong"].append((record.question.id, point))
    return Rating(
        rating,
        len(own),
        share(won["all"]),
        share(won["right"]),
        share(won["wrong"]),
        share(credits(own)),
        share(credits(mirrored)),
    )
