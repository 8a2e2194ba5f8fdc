"""Numbers with intervals. The independent unit is the question: ``n`` counts questions, never episodes.

Episodes on one question (samples, both provers, several quotes of one speech) are alike, and an interval that took them
as independent would be too narrow. So values are averaged within a question first, and the interval is over questions.
All intervals are 95%.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from oversight_envs.core.checks import at_least, one_of

LEVEL = 0.95
SAME = 1e-9
"""Values that differ by less are equal but for rounding."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95% interval over ``n`` questions. None stands for undefined; NaN never appears."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, Real | None):
                raise TypeError(f"{name}={number!r:.80}: give a number, or None where it is undefined")
            if number is not None:
                object.__setattr__(self, name, float(number) if math.isfinite(number) else None)

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)

    def text(self, style: str = "number") -> str:
        """``62% [47%, 75%]`` for ``style="percent"``, ``points`` for a difference of two percentages, else numbers."""
        one_of("style", style, (*_STYLES,))
        if self.value is None:
            return "undefined"
        show = _STYLES[style]
        unit = " points" if style == "points" else ""
        if self.low is None or self.high is None:
            return show(self.value) + unit
        return f"{show(self.value)}{unit} [{show(self.low)}, {show(self.high)}]"


_STYLES: Mapping[str, Callable[[float], str]] = {
    "number": lambda x: f"{x:.2f}",
    "signed": lambda x: f"{x:+.2f}",
    "percent": lambda x: f"{100 * x:.0f}%",
    "points": lambda x: f"{100 * x:+.0f}",
}

UNDEFINED = Estimate(None)

QuestionValue = tuple[Hashable, float]
"""A question's id and a value measured on it."""


def share(pairs: Iterable[QuestionValue]) -> Estimate:
    """The share of successes (values between 0 and 1) with Wilson's interval.

    The value is over all pairs; the interval is that of as many independent trials as there are questions, which is
    exact for one value a question and on the safe side for more.
    """
    from scipy.stats import norm

    pairs = list(pairs)
    if not pairs:
        return UNDEFINED
    p, n = math.fsum(value for _, value in pairs) / len(pairs), len({key for key, _ in pairs})
    z2 = float(norm.ppf((1 + LEVEL) / 2)) ** 2
    # Wilson 1927; written out because scipy's takes whole successes only, and a tie counts as half of one
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half), n)


def mean(pairs: Iterable[QuestionValue]) -> Estimate:
    """The mean over questions of each question's mean, with Student's t interval.

    None for a single question, nor for values that are all the same: one of no width would claim to be certain.
    """
    from scipy.stats import t

    values = list(by_question(pairs).values())
    n = len(values)
    if n < 2:
        return Estimate(values[0] if values else None, n=n)
    centre, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(n)
    if max(values) - min(values) < SAME:
        return Estimate(centre, n=n)
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * error
    return Estimate(centre, centre - half, centre + half, n)


def mean_share(pairs: Iterable[QuestionValue]) -> Estimate:
    """The mean of shares over few units, such as seeds, with an interval inside [0, 1].

    Student's t interval of the mean, carried over to its log-odds by their slope there. For shares that are each
    measured on many questions and differ between units; ``share`` is for single successes.
    """
    found = mean(pairs)
    if found.value is not None and not -SAME <= found.value <= 1 + SAME:
        raise ValueError(f"pairs: their mean is {found.value:g}; shares are from 0 to 1")
    if found.value is None or found.high is None or not 0 < found.value < 1:
        return found
    odds = math.log(found.value / (1 - found.value))
    half = (found.high - found.value) / (found.value * (1 - found.value))
    low, high = (1 / (1 + math.exp(-edge)) for edge in (odds - half, odds + half))
    return Estimate(found.value, low, high, found.n)


def paired_difference(a: Iterable[QuestionValue], b: Iterable[QuestionValue], *, seed: int = 0) -> Estimate:
    """Mean of a - b over the questions that both have, with a percentile bootstrap interval over questions."""
    differences = paired(a, b)
    if len(differences) == 0:
        return UNDEFINED
    low, high = bootstrap(len(differences), lambda chosen: float(differences[chosen].mean()), seed=seed)
    return Estimate(float(differences.mean()), low, high, len(differences))


def paired(a: Iterable[QuestionValue], b: Iterable[QuestionValue]) -> np.ndarray:
    """a - b of each question that both have, in the order of the questions' ids."""
    left, right = by_question(a), by_question(b)
    return np.array([left[key] - right[key] for key in left if key in right])


def sign_flip_p(differences: np.ndarray, *, seed: int = 0, resamples: int = 9999) -> float | None:
    """How often differences of random sign are as large on average: the two-sided p of "no difference".

    Exact for few questions. None for fewer than two.
    """
    from scipy.stats import permutation_test

    if len(differences) < 2:
        return None
    if np.abs(differences).max() < SAME:
        return 1.0
    found = permutation_test(
        (differences,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction: p-values such that, of all with no difference, with 95% none falls below 0.05.

    Those that are None stay so, and count for nothing.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[place] = largest
    return corrected


def questions_needed(differences: np.ndarray, *, effect: float = 0.05, power: float = 0.8) -> int | None:
    """How many questions would show a mean difference of ``effect`` at the 5% level, with this probability.

    By the normal approximation, from the spread of the differences that were seen. None where they have none.
    """
    from scipy.stats import norm

    if len(differences) < 2 or float(np.ptp(differences)) < SAME:
        return None
    z = float(norm.ppf((1 + LEVEL) / 2) + norm.ppf(power))
    return math.ceil((z * float(np.std(differences, ddof=1)) / effect) ** 2)


def bootstrap(
    n: int, statistic: Callable[[np.ndarray], float], *, seed: int = 0, resamples: int = 2000
) -> tuple[float | None, float | None]:
    """The percentile bootstrap interval of ``statistic``, a function of the indices drawn from ``range(n)``.

    Draws on which it is undefined (NaN) are left out. ``(None, None)`` for fewer than two units, and where all draws
    are the same: an interval of no width would claim to be certain.
    """
    from scipy.stats import DegenerateDataWarning
    from scipy.stats import bootstrap as resample

    at_least("n", n, 0)
    at_least("seed", seed, 0)
    at_least("resamples", resamples, 1)
    if n < 2:
        return None, None
    with warnings.catch_warnings():
        # a statistic that is the same, or undefined, in many draws is dealt with below
        warnings.simplefilter("ignore", DegenerateDataWarning)
        drawn = resample(
            (np.arange(n),),
            statistic,
            vectorized=False,
            n_resamples=resamples,
            batch=resamples,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).bootstrap_distribution
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) == 0 or drawn.max() - drawn.min() < SAME:
        return None, None
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def by_question(pairs: Iterable[QuestionValue]) -> dict[Hashable, float]:
    """Question -> the mean of its values. The order of the pairs makes no difference, to the last digit."""
    values: dict[Hashable, list[float]] = defaultdict(list)
    for key, value in pairs:
        values[key].append(value)
    return {key: math.fsum(values[key]) / len(values[key]) for key in sorted(values, key=repr)}
