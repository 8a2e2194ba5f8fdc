"""All metrics of one condition, as pure functions of its records.

Records of different configurations (protocol, options, players) are never pooled: ``measure`` refuses them. Of
truncated episodes the speeches count, and nothing else; of failed ones nothing does: they are yet to be played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oversight_envs.core.record import Record
from oversight_envs.evaluation.calibration import Bin
from oversight_envs.evaluation.decisions import Decisions, credits, first_bias, judges
from oversight_envs.evaluation.records import as_records
from oversight_envs.evaluation.solutions import ScoredSolution, SolutionMetrics, scored_solutions, solve
from oversight_envs.evaluation.speeches import Speeches, kind, speeches
from oversight_envs.evaluation.statistics import Estimate, paired_difference
from oversight_envs.play.identity import first_difference, identity_of

__all__ = [
    "Bin",
    "Decisions",
    "Estimate",
    "Metrics",
    "ScoredSolution",
    "SolutionMetrics",
    "Speeches",
    "compare",
    "credits",
    "first_bias",
    "kind",
    "measure",
    "scored_solutions",
]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the episodes of one condition came to."""

    episodes: int
    questions: int
    truncated: int
    """Episodes that ended without a result, by what was said or by the game's rules."""
    judges: Mapping[str, Decisions] = field(default_factory=dict)
    """Role -> what its decisions came to; who decides last in a game stands first."""
    solutions: SolutionMetrics | None = None
    speeches: Mapping[str, Speeches] = field(default_factory=dict)
    failed: int = 0
    """Episodes in which a player could not answer."""

    @property
    def decisions(self) -> Decisions | None:
        """Those of the role that decides last: what the games came to."""
        return next(iter(self.judges.values()), None)


def measure(records: Sequence[Record]) -> Metrics:
    """The metrics of records that share one configuration, the same in whatever order they come.

    Raises ValueError where they don't share one.
    """
    records = as_records(records)
    for record in records[1:]:
        if difference := first_difference(identity_of(records[0]), identity_of(record)):
            raise ValueError(
                f"these episodes were played in different ways: {difference}. Measure each way for itself, and keep "
                "one in a file"
            )
    records = sorted(records, key=lambda record: (record.question.id, record.seed))
    played = [record for record in records if record.failed is None]
    finished = [record for record in played if record.outcome is not None]
    return Metrics(
        episodes=len(records),
        questions=len({record.question.id for record in records}),
        truncated=len(played) - len(finished),
        judges=judges(finished),
        solutions=solve(finished),
        speeches=speeches(played),
        failed=len(records) - len(played),
    )


def compare(records: Sequence[Record], others: Sequence[Record], *, seed: int = 0) -> Estimate:
    """How much more often the judge was right in ``records`` than in ``others``, on the questions that both have.

    A paired difference of accuracies with a bootstrap interval over questions (2000 draws under ``seed``).
    """
    return paired_difference(credits(as_records(records)), credits(as_records(others, "others")), seed=seed)
