"""Times until something happens, of which some are only known to be longer than the budget (censored).

An attack on a verifier that has not succeeded within its budget is not one that succeeded at its end: a mean that takes
it so is too small, and its interval too narrow. So medians are Kaplan and Meier's, and trends go by ranks.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Survival:
    """The median time to an event, by Kaplan and Meier, with the 95% interval of their curve's log-log bands.

    None as a time stands for "not within the budget".
    """

    median: float | None
    interval: tuple[float | None, float | None] | None
    """None without events, and where all are at one time: an interval of no width would claim to be certain."""
    events: int
    """How many of the ``n`` had the event within the budget."""
    n: int
    budget: float

    def text(self) -> str:
        """``34 [13, >300], 3 of 4``: the median, its interval, and how many had the event at all."""
        if not self.n:
            return "undefined"
        median, *ends = (f">{self.budget:g}" if t is None else f"{t:g}" for t in (self.median, *(self.interval or ())))
        return median + (f" [{', '.join(ends)}]" if ends else "") + f", {self.events} of {self.n}"


def survival(times: Sequence[float | None], budget: float) -> Survival:
    """The median of ``times`` to an event; None are those that had none within ``budget``, which all had.

    Defined without events too: nothing is known then but that the median is above the budget.

    Raises:
        ValueError: for a time below 0 or above the budget.
    """
    from scipy.stats import CensoredData, ecdf

    for time in times:
        if time is not None and not 0 <= time <= budget:
            raise ValueError(f"times holds {time!r:.80}: give a number from 0 to budget={budget:g}, or None")
    late = [time is None for time in times]
    events = late.count(False)
    if not events:
        return Survival(None, None, 0, len(late), budget)
    found = ecdf(CensoredData.right_censored([budget if time is None else time for time in times], late)).sf
    with warnings.catch_warnings():
        # the bands are undefined where the curve is 0 or 1; there they are the curve itself
        warnings.simplefilter("ignore", RuntimeWarning)
        bands = found.confidence_interval(0.95, method="log-log")

    def half(curve: np.ndarray) -> float | None:
        below = np.flatnonzero(np.where(np.isfinite(curve), curve, found.probabilities) <= 0.5)
        return float(found.quantiles[below[0]]) if below.size else None

    median = half(found.probabilities)
    ends = half(bands.low.probabilities), half(bands.high.probabilities)
    return Survival(median, None if ends[0] == ends[1] else ends, events, len(late), budget)


@dataclass(frozen=True, slots=True)
class Trend:
    """Whether a series rises."""

    tau: float | None
    """Kendall's rank correlation of time and place in the series, from -1 to 1; the mean over the series."""
    p: float | None
    """Page's test, one-sided: how often series without a trend rise as much. Exact for few series."""

    def text(self) -> str:
        return "undefined" if self.tau is None or self.p is None else f"tau {self.tau:+.2f}, p = {self.p:.3f}"


def trend(series: Iterable[Sequence[float | None]]) -> Trend:
    """Whether times rise along each of several series of one length (seeds: the unit); None is later than any number.

    Undefined for series shorter than 3, for fewer than two series, and where no time differs from another.

    Raises:
        ValueError: if the series differ in length.
    """
    from scipy.stats import kendalltau, page_trend_test

    rows = [[math.inf if time is None else float(time) for time in row] for row in series]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"series of {', '.join(str(len(row)) for row in rows)} values: give series of one length")
    if len(rows) < 2 or len(rows[0]) < 3 or all(len(set(row)) == 1 for row in rows):
        return Trend(None, None)
    ranked = [np.searchsorted(sorted(set(row)), row).astype(float) for row in rows]  # inf can't be subtracted from inf
    taus = [0.0 if len(set(row)) == 1 else float(kendalltau(range(len(row)), row).statistic) for row in ranked]
    return Trend(float(np.mean(taus)), float(page_trend_test(ranked).pvalue))
