"""Two evaluations on one page: how they differ on the questions that both decided, and where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from oversight_envs.evaluation.comparison import Comparison
from oversight_envs.evaluation.evaluate import Evaluation
from oversight_envs.evaluation.metrics import Estimate

PARTING = 20
"""Most questions listed for a pair."""


@dataclass(frozen=True, slots=True)
class Parting:
    """A question, the probability that each gave to its right answer, and the place of its first game in each."""

    question: str
    probabilities: tuple[float, float]
    places: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two evaluations, by their numbers on the page; ``unlike`` says why they can't be compared."""

    numbers: tuple[int, int]
    setting: str = ""
    """The settings by which they differ."""
    accuracies: tuple[Estimate, ...] = ()
    difference: Estimate | None = None
    parting: Sequence[Parting] = ()
    unlike: str = ""


def pairs(evaluations: Sequence[Evaluation]) -> list[Pair]:
    """Every two evaluations in which a judge decided, by their main conditions; numbers from 1."""
    judged = [(number, run) for number, run in enumerate(evaluations, 1) if run.metrics[run.main].decisions]
    return [_pair(one, other) for one, other in combinations(judged, 2)]


def _pair(one: tuple[int, Evaluation], other: tuple[int, Evaluation]) -> Pair:
    numbers = one[0], other[0]
    games = [run.conditions[run.main] for _, run in (one, other)]
    named = {str(number): Evaluation({run.main: run.conditions[run.main]}) for number, run in (one, other)}
    try:
        comparison = Comparison(named, one[1].seed)
    except ValueError as error:
        return Pair(numbers, unlike=str(error))
    (difference,) = comparison.differences
    places = [{r.question.id: place for place, r in reversed([*enumerate(found)])} for found in games]
    parting = []
    for part in comparison.parting()[:PARTING]:
        believed = part.probabilities[str(numbers[0])], part.probabilities[str(numbers[1])]
        if part.spread >= 0.005:  # what shows as a difference
            key = part.question.id
            parting.append(Parting(part.question.text, believed, (places[0][key], places[1][key])))
    return Pair(
        numbers,
        setting="; ".join(difference.settings) or "no setting that records keep",
        accuracies=tuple(condition.decisions.accuracy for condition in comparison.conditions.values()),
        difference=difference.accuracy,
        parting=parting,
    )
