"""Whether a judge is as often right as it is sure: a reliability diagram, and the parts of the Brier score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oversight_envs.core.verdict import Verdict

BINS = 10

Judged = tuple[str, Verdict, int]
"""A question's id, a verdict on it, and the option that is right."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram: how sure the judge was on average, how often it was right, on how many."""

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True, slots=True)
class BrierParts:
    """Murphy's (1973) parts of the Brier score, which is exactly ``reliability - resolution + uncertainty``.

    What is forecast is each option, right or not, in ``BINS`` equal bins of its probability. What probabilities in one
    bin differ by counts as resolution (Stephenson et al. 2008), so that the sum is exact. With few questions in a bin
    chance makes the first two larger than they are, by as much: they say little of a few dozen questions.
    """

    reliability: float
    """Mean squared distance of what is said from how often it is so: 0 for a calibrated judge."""
    resolution: float
    """How much better than one and the same forecast for all its forecasts would be if they were calibrated: 0 for a
    judge that can't tell right from wrong."""
    uncertainty: float
    """Score of that one forecast, whoever judges: 0.25 for two options."""


def reliability_bins(verdicts: Sequence[Verdict], right: Sequence[float]) -> tuple[Bin, ...]:
    """The non-empty bins of a reliability diagram of the chosen answer's probability; ``right`` is what each earned."""
    confidence, earned = np.array([max(verdict.probabilities) for verdict in verdicts]), np.array(right)
    place = _bins(confidence)
    return tuple(
        Bin(k / BINS, (k + 1) / BINS, float(confidence[i].mean()), float(earned[i].mean()), int(i.sum()))
        for k in range(BINS)
        if (i := place == k).any()
    )


def brier(verdict: Verdict, truth: int) -> float:
    """Squared error of the probabilities, halved: 0 is perfect, a coin's is 0.25 for two options."""
    return sum((p - (option == truth)) ** 2 for option, p in enumerate(verdict.probabilities)) / 2


def brier_parts(judged: Sequence[Judged]) -> BrierParts:
    """The parts of the mean over questions of each question's mean Brier score."""
    games = Counter(question for question, _, _ in judged)
    rows = [
        (1 / (2 * games[question] * len(games)), p, option == truth)
        for question, verdict, truth in judged
        for option, p in enumerate(verdict.probabilities)
    ]
    weight, said, so = np.array(rows).T
    place = _bins(said)
    totals = [np.bincount(place, column, BINS) for column in (weight, weight * said, weight * so)]
    whole, forecast, outcome = (total[totals[0] > 0] for total in totals)
    reliability = float(np.sum((forecast - outcome) ** 2 / whole))
    often = float(outcome.sum() / whole.sum())
    uncertainty = float(whole.sum()) * often * (1 - often)
    score = float(np.sum(weight * (said - so) ** 2))
    return BrierParts(reliability, reliability + uncertainty - score, uncertainty)


def _bins(probability: np.ndarray) -> np.ndarray:
    place: np.ndarray = np.minimum((probability * BINS).astype(int), BINS - 1)
    return place
