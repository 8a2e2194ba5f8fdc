"""Two evaluations on one page: how they differ on the questions that both decided, and where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from oversight_envs.core.record import Record
from oversight_envs.evaluation.comparison import differing_settings
from oversight_envs.evaluation.evaluate import Evaluation
from oversight_envs.evaluation.metrics import Estimate, compare, credits
from oversight_envs.evaluation.statistics import share
from oversight_envs.report.page import truth_probabilities

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
    settings: Sequence[str] = ()
    """By which they differ."""
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
    first, second = ({r.question.id: (place, r) for place, r in reversed([*enumerate(found)])} for found in games)
    believed = [truth_probabilities(found) for found in games]
    shared = believed[0].keys() & believed[1].keys()
    if not shared:
        return Pair(numbers, unlike="they decided no question in common")
    for key in sorted(shared):
        if _asked(first[key][1]) != _asked(second[key][1]):
            return Pair(numbers, unlike=f"question {key} of the one is another question in the other")
    parting = [
        Parting(first[key][1].question.text, (believed[0][key], believed[1][key]), (first[key][0], second[key][0]))
        for key in sorted(shared, key=lambda key: (-abs(believed[0][key] - believed[1][key]), key))
        if abs(believed[0][key] - believed[1][key]) >= 0.005  # what shows as a difference
    ]
    right = [[(key, value) for key, value in credits(found) if key in shared] for found in games]
    return Pair(
        numbers,
        settings=tuple(differing_settings(games[0][0], games[1][0])) or ("no setting that records keep",),
        accuracies=tuple(map(share, right)),
        difference=compare(games[0], games[1], seed=one[1].seed),
        parting=parting[:PARTING],
    )


def _asked(record: Record) -> tuple[str, frozenset[str], str]:
    """What makes a question: passages may be cut to what models read, answers stand in any order."""
    question = record.question
    assert isinstance(question.truth, int)
    return question.text, frozenset(question.options), question.options[question.truth]
