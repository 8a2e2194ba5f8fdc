"""Profiles beside each other: every measure of every part that all of them played, and differences by question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.evaluation.benchmark.measures import Measure
from oversight_envs.evaluation.benchmark.profile import Profile, Result
from oversight_envs.evaluation.solutions import roc_area
from oversight_envs.evaluation.statistics import UNDEFINED, Estimate, bootstrap, holm, paired_difference, sign_flip_p

RESAMPLES = 999


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: what each profile has of it, and by how much each but the first differs from the first.

    A difference is that of the means over the questions that both have, with a paired bootstrap interval over them;
    None where a measure has no value on single questions (calibration error). ``p`` is that of no difference, by
    exchanging two profiles' values on questions at random, with Holm's correction for all differences of the
    comparison.
    """

    measure: str
    style: str
    values: Mapping[str, Estimate]
    differences: Mapping[str, Estimate | None]
    p: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One part. ``why_not``: why it is not compared. ``notes``: in what the ways differ in which it was played."""

    part: str
    rows: Sequence[Row] = ()
    why_not: str | None = None
    notes: Sequence[str] = ()


def compare_profiles(profiles: Mapping[str, Profile], *, seed: int = 0) -> list[Compared]:
    """Every part of the suite, each profile against the first.

    Raises ValueError for fewer than two profiles, and for those of different suites or sizes, naming what differs.
    """
    at_least("seed", seed, 0)
    if len(profiles) < 2:
        raise ValueError(f"to compare are two profiles or more, and here is {', '.join(profiles) or 'none'}")
    (first, base), *others = profiles.items()
    for name, profile in others:
        for what in ("suite", "size", "digest"):
            mine, other = getattr(base, what), getattr(profile, what)
            if mine != other:
                told = "the suite's definition (digest)" if what == "digest" else what
                raise ValueError(
                    f"{first} and {name} can't be compared: {told} is {mine!r} in the one and {other!r} in the other; "
                    "put both models through the same suite in one size"
                )
    names = dict.fromkeys(name for profile in profiles.values() for name in profile.parts)
    found = [_compared(name, {key: p.parts.get(name) for key, p in profiles.items()}, seed) for name in names]
    corrected = iter(holm([p for part in found for row in part.rows for p in row.p.values()]))
    return [
        replace(part, rows=[replace(row, p={key: next(corrected) for key in row.p}) for row in part.rows])
        for part in found
    ]


def _compared(name: str, results: Mapping[str, Result | None], seed: int) -> Compared:
    for key, result in results.items():
        if result is None or result.left_out or result.stopped:
            why = "has no such part" if result is None else result.left_out or result.stopped
            return Compared(name, why_not=f"{key}: {why}")
    found = {key: result for key, result in results.items() if result is not None}
    (first, base), *others = found.items()
    for key, result in others:
        if result.played["asked"] != base.played["asked"]:
            tasks = " and ".join(f"{r.played['task']} {_listed(r.played['options'])}".strip() for r in (base, result))
            return Compared(name, why_not=f"{first} and {key} were asked other questions ({tasks})")
    notes = []
    for key, result in others:
        mine, other = ({**r.played["config"], "passages_cut": r.played["passages_cut"]} for r in (base, result))
        notes += [
            f"{option} is {mine.get(option)!r} for {first} and {other.get(option)!r} for {key}"
            for option in mine
            if mine.get(option) != other.get(option)
        ]
    measures = dict.fromkeys(measure for result in found.values() for measure in result.measures)
    rows = [_row(measure, {key: r.measures.get(measure) for key, r in found.items()}, seed) for measure in measures]
    return Compared(name, rows, notes=notes)


def _row(name: str, measures: Mapping[str, Measure | None], seed: int) -> Row:
    style = next(measure.style for measure in measures.values() if measure is not None)
    base, *others = measures.items()
    found = {key: _difference(measure, base[1], seed) for key, measure in others}
    values = {key: UNDEFINED if measure is None else measure.estimate for key, measure in measures.items()}
    differences, p_values = ({key: both[place] for key, both in found.items()} for place in (0, 1))
    return Row(name, style, values, differences, p_values)  # type: ignore[arg-type]


def _difference(one: Measure | None, other: Measure | None, seed: int) -> tuple[Estimate | None, float | None]:
    """The difference, and the p of none, not yet corrected."""
    if one is None or other is None or one.by_question is None or other.by_question is None:
        return None, None
    keys = sorted(one.by_question.keys() & other.by_question.keys())
    mine, base = ([measure.by_question[key] for key in keys] for measure in (one, other))  # type: ignore[index]
    if keys and isinstance(mine[0], list):
        return _auc_difference(mine, base, seed)
    pairs = zip(keys, mine, strict=True), zip(keys, base, strict=True)
    return paired_difference(*pairs, seed=seed), sign_flip_p(np.subtract(mine, base), seed=seed)


def _auc_difference(one: Sequence[Any], other: Sequence[Any], seed: int) -> tuple[Estimate, float | None]:
    """Of two verifiers' AUCs on the same questions, whose scores are given as [of right ones, of wrong ones]."""

    def area(scores: Iterable[Any]) -> float:
        right, wrong = map(np.concatenate, zip(*scores, strict=True))
        return roc_area(right, wrong)

    def difference(drawn: np.ndarray) -> float:
        return area(one[place] for place in drawn) - area(other[place] for place in drawn)

    low, high = bootstrap(len(one), difference, seed=seed)
    found = Estimate(difference(np.arange(len(one))), low, high, len(one))
    if found.value is None or len(one) < 2:
        return found, None
    exchanged = np.random.default_rng(seed).integers(2, size=(RESAMPLES, len(one))).astype(bool)
    as_large = 1
    for flips in exchanged:
        mine, base = (
            [b if flip else a for a, b, flip in zip(*both, flips, strict=True)] for both in ((one, other), (other, one))
        )
        as_large += abs(area(mine) - area(base)) >= abs(found.value) - 1e-12
    return found, as_large / (RESAMPLES + 1)


def _listed(values: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items()) if isinstance(values, Mapping) else str(values)
