"""Saved runs beside each other, on the questions that all of them decided.

The unit is the question: what is compared is what each condition came to on the *same* question, so a question that is
easy for all widens no interval. Nothing of two conditions is ever pooled: each has a column of its own, and a
difference says by which setting the two differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.evaluation.decisions import credits, log_scores, score_differences
from oversight_envs.evaluation.evaluate import BASELINES, Evaluation
from oversight_envs.evaluation.metrics import Decisions, Metrics, measure
from oversight_envs.evaluation.statistics import (
    UNDEFINED,
    Estimate,
    QuestionValue,
    bootstrap,
    by_question,
    holm,
    mean,
    paired,
    paired_difference,
    questions_needed,
    sign_flip_p,
)
from oversight_envs.play.identity import FINGERPRINT, first_difference, identity_of
from oversight_envs.play.rejudge import PLAYED_UNDER


@dataclass(frozen=True, slots=True)
class Condition:
    """What one way to play came to on the shared questions, beside its own baselines where it has them."""

    records: Sequence[Record]
    """All of them, also those on other questions."""
    metrics: Metrics
    """Of the shared questions."""
    decisions: Decisions
    over: Mapping[str, Estimate]
    """Baseline (``blind``, ``expert``) -> how much more often the judge was right than there, on the same questions."""
    recovered: Estimate | None
    """Performance gap recovered, (accuracy - blind) / (expert - blind); None without both baselines, and undefined
    where the expert is not clearly better than the blind judge: a ratio to a gap that may be none says nothing."""
    score_difference: Estimate
    """Agent score difference: see ``decisions.score_differences``."""
    score_difference_over_blind: Estimate | None
    """The same less the blind judge's log-odds of the truth on each question: what hearing the agents adds to what the
    question alone tells. None without that baseline."""
    left_out: int
    """Questions of this condition that not all others decided."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One condition less another, by question."""

    first: str
    second: str
    settings: tuple[str, ...]
    """By what they differ: of game, options, each player and task, the first difference. Empty where by nothing that
    records keep."""
    accuracy: Estimate
    log_score: Estimate
    p: float | None
    """Of no difference in accuracy: by flipping signs of the questions' differences, with Holm's correction for all the
    pairs that are compared."""
    questions_needed: int | None
    """How many questions would show 5 points of accuracy in four of five such comparisons; None where the two are
    equally right on every question (or wrong by as much), so that nothing is known of the spread."""


@dataclass(frozen=True, slots=True)
class Parting:
    """A shared question: the probability that each condition gave to the right answer (the mean of its games)."""

    question: Question
    probabilities: Mapping[str, float]

    @property
    def spread(self) -> float:
        return max(self.probabilities.values()) - min(self.probabilities.values())


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs by name, to be compared on the questions that all conditions decided.

    Of several runs, every condition but the baselines is compared with every other, and beside its own run's baselines;
    of a single run all conditions are, the baselines too.

    Raises ValueError for fewer than two conditions, for the same episodes twice, for conditions in which nobody decides
    or the truth is unknown, for runs that share no question, and where one id stands for two questions.
    """

    runs: Mapping[str, Evaluation]
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.runs, Mapping) or not all(isinstance(run, Evaluation) for run in self.runs.values()):
            raise TypeError(f"runs={self.runs!r:.80}: give evaluations by name, {{'one': Evaluation.load(path), ...}}")
        at_least("seed", self.seed, 0)
        names = list(self._compared)
        if len(names) < 2:
            raise ValueError(f"to compare are two conditions or more, and here is {', '.join(names) or 'none'}")
        for one, other in combinations(names, 2):
            self._comparable(one, other)
        if not self.shared:
            counts = ", ".join(f"{name} decided {len(self._decided[name])}" for name in names)
            raise ValueError(f"no question was decided in all of these conditions: {counts}. Compare runs on one task")

    @classmethod
    def load(cls, paths: Sequence[str | Path], *, seed: int = 0) -> Comparison:
        """The runs kept in these folders and files. Raises as ``Evaluation.load`` does, and for a path given twice."""
        if isinstance(paths, str | os.PathLike):
            raise TypeError(f"paths={paths!r:.80}: give a list of paths")
        known: dict[Path, str | Path] = {}
        for path in paths:
            real = Path(path).resolve()
            if real in known:
                raise ValueError(f"{path} is given twice{'' if path == known[real] else f', also as {known[real]}'}")
            known[real] = path
        return cls(dict(zip(_names(list(known)), map(Evaluation.load, paths), strict=True)), seed)

    @cached_property
    def shared(self) -> frozenset[str]:
        """The ids of the questions that all conditions decided."""
        return frozenset.intersection(*(frozenset(found) for found in self._decided.values()))

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """What is compared, by name: the run's where it has one such condition.

        Raises ValueError for a condition whose records were played in different ways.
        """
        return {name: self._condition(name) for name in self._compared}

    @cached_property
    def differences(self) -> list[Difference]:
        """Of every two conditions."""
        pairs = list(combinations(self.conditions, 2))
        right = [paired(self._credits(one), self._credits(other)) for one, other in pairs]
        corrected = holm([sign_flip_p(differences, seed=self.seed) for differences in right])
        return [
            Difference(
                first=one,
                second=other,
                settings=tuple(_settings(self._all(one)[0], self._all(other)[0])),
                accuracy=paired_difference(self._credits(one), self._credits(other), seed=self.seed),
                log_score=paired_difference(
                    log_scores(self._records(one)), log_scores(self._records(other)), seed=self.seed
                ),
                p=p,
                questions_needed=questions_needed(differences),
            )
            for (one, other), differences, p in zip(pairs, right, corrected, strict=True)
        ]

    def parting(self) -> list[Parting]:
        """The shared questions, those on which the conditions differ most first."""
        found = {name: by_question(_probabilities(self._records(name))) for name in self._compared}
        questions = {record.question.id: record.question for record in self._records(next(iter(found)))}
        parted = [
            Parting(questions[key], {name: values[key] for name, values in found.items()})
            for key in sorted(self.shared)
        ]
        return sorted(parted, key=lambda parting: (-parting.spread, parting.question.id))

    @cached_property
    def _compared(self) -> dict[str, tuple[str, str]]:
        """Name -> the run and its condition."""
        found = {}
        for run, evaluation in self.runs.items():
            own = [name for name in evaluation.conditions if len(self.runs) == 1 or name not in BASELINES]
            own = own or list(evaluation.conditions)  # nothing but baselines
            for name in own:
                found[name if len(self.runs) == 1 else run if len(own) == 1 else f"{run}/{name}"] = run, name
        return found

    @cached_property
    def _decided(self) -> dict[str, dict[str, Question]]:
        """Condition -> the questions that count in it, by id."""
        found = {}
        for name, (run, condition) in self._compared.items():
            records = self.runs[run].conditions[condition]
            counted = {key for key, _ in credits(records)}
            if not counted:
                raise ValueError(
                    f"{name}: there is no finished episode in which someone decides between answers of which the right "
                    "one is known, so there is nothing to compare it by"
                )
            found[name] = {record.question.id: record.question for record in records if record.question.id in counted}
        return found

    def _comparable(self, one: str, other: str) -> None:
        for key in sorted(self._decided[one].keys() & self._decided[other].keys()):
            first, second = self._decided[one][key], self._decided[other][key]
            if _asked(first) != _asked(second):
                raise ValueError(
                    f"question {key!r} of {one} is another one in {other} ({first.text!r:.80} and {second.text!r:.80}, "
                    "with their answers): compare runs on one task"
                )
        mine, others = self._all(one), self._all(other)
        if len(mine) == len(others) and _in_order(mine) == _in_order(others):
            raise ValueError(f"{one} and {other} hold the same episodes: give each run once")

    def _condition(self, name: str) -> Condition:
        run, condition = self._compared[name]
        records, baselines = self._records(name), {}
        if condition not in BASELINES:
            baselines = {
                baseline: self._shared_only(found)
                for baseline, found in self.runs[run].conditions.items()
                if baseline in BASELINES
            }
        metrics = measure(records)
        assert metrics.decisions is not None
        over = {
            baseline: paired_difference(credits(records), credits(found), seed=self.seed)
            for baseline, found in baselines.items()
        }
        scores, over_blind = score_differences(records), None
        if "blind" in baselines:
            over_blind = paired_difference(scores, score_differences(baselines["blind"]), seed=self.seed)
        recovered = None
        if len(baselines) == len(BASELINES):
            blind, expert = (credits(baselines[baseline]) for baseline in BASELINES)
            recovered = gap_recovered(credits(records), blind, expert, seed=self.seed)
        return Condition(
            records=self._all(name),
            metrics=metrics,
            decisions=metrics.decisions,
            over=over,
            recovered=recovered,
            score_difference=mean(scores),
            score_difference_over_blind=over_blind,
            left_out=len({record.question.id for record in self._all(name)} - self.shared),
        )

    def _all(self, name: str) -> Sequence[Record]:
        run, condition = self._compared[name]
        return self.runs[run].conditions[condition]

    def _records(self, name: str) -> list[Record]:
        return self._shared_only(self._all(name))

    def _shared_only(self, records: Sequence[Record]) -> list[Record]:
        return [record for record in records if record.question.id in self.shared]

    def _credits(self, name: str) -> list[QuestionValue]:
        return credits(self._records(name))


def gap_recovered(
    reached: Sequence[QuestionValue], blind: Sequence[QuestionValue], expert: Sequence[QuestionValue], *, seed: int = 0
) -> Estimate:
    """(reached - blind) / (expert - blind) of means over the questions that all three have, with a bootstrap interval.

    Undefined unless the whole interval of expert - blind is above 0.
    """
    x, low, high = by_question(reached), by_question(blind), by_question(expert)
    keys = [key for key in x if key in low and key in high]
    values = np.array([(x[key], low[key], high[key]) for key in keys]).reshape(-1, 3)
    gap = paired_difference([(key, high[key]) for key in keys], [(key, low[key]) for key in keys], seed=seed)
    if gap.low is None or gap.low <= 0:
        return Estimate(None, n=len(keys)) if keys else UNDEFINED

    def ratio(chosen: np.ndarray) -> float:
        mine, worst, best = values[chosen].mean(axis=0)
        return float((mine - worst) / (best - worst)) if best > worst else float("nan")

    return Estimate(ratio(np.arange(len(keys))), *bootstrap(len(keys), ratio, seed=seed), n=len(keys))


def _settings(one: Record, other: Record) -> Iterator[str]:
    """What differs between the ways in which two records were played; of different games only what both have."""
    mine, others = identity_of(one), identity_of(other)
    parts: dict[str, tuple[Any, Any]] = {"protocol": (one.protocol, other.protocol), "task": (one.task, other.task)}
    if one.protocol == other.protocol:
        options = [*mine["config"], *(key for key in others["config"] if key not in mine["config"])]
        parts |= {f"config.{key}": (mine["config"].get(key), others["config"].get(key)) for key in options}
        parts |= {"rule": (mine["rule"], others["rule"])}
    shared = [role for role in one.players if role in other.players]
    for role in shared:
        first, second = _described(one.players[role]), _described(other.players[role])
        kinds = first.get("type"), second.get("type")
        # players of two kinds have little else in common
        place = f"players.{role}"
        parts |= {place: (first, second)} if kinds[0] == kinds[1] else {f"{place}.type": kinds}
    found = [difference for name, pair in parts.items() if (difference := first_difference(*pair, name))]
    yield from found
    for role in shared:
        known, wanted = (record.players[role].get(FINGERPRINT) for record in (one, other))
        if known != wanted and known and wanted and not any(f"players.{role}" in difference for difference in found):
            yield f"players.{role} differs in code, settings or weights"


def _described(player: Mapping[str, Any]) -> dict[str, Any]:
    """A player without its digest, which says nothing to people, and without the game that it played earlier."""
    return {key: value for key, value in player.items() if key not in (FINGERPRINT, PLAYED_UNDER)}


def _probabilities(records: Sequence[Record]) -> list[QuestionValue]:
    return [(key, float(np.exp(score))) for key, score in log_scores(records)]


def _asked(question: Question) -> tuple[str, frozenset[str], str]:
    """What makes two questions the same: passages may be cut to what models read, answers stand in any order."""
    assert isinstance(question.truth, int)
    return question.text, frozenset(question.options), question.options[question.truth]


def _in_order(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.question.id, record.seed))


def _names(paths: Sequence[Path]) -> list[str]:
    """What runs are called: by their last parts, as many as it takes to tell them apart."""
    for count in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-count:]).removesuffix(".jsonl") for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
