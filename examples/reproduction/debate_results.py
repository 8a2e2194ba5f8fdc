"""What the runs of ``reproduce_debate.py`` measured, one row for each evaluation, and its means over seeds.

Seeds are the independent units: each has its own training questions, held-out questions and random draws; all start
from one warm start. Every interval here is Student's t over seeds, 95%, of a share's log-odds where it is one.
"""

from oversight_envs.evaluation.statistics import Estimate, mean, mean_share
from oversight_envs.training.recipes.debate.run import read_evaluations

from .common import paired, seed_values
from .jobs import processor_minutes
from .kept import found

LEARN, FROZEN, ALONE = "both learn", "judge frozen", "debaters frozen"
MADE_UP, FEW, CRITIC = "debaters scripted", "few questions", "value head"
COUNTS = (1, 2, 4, 8, 16)
SHARES = ("accuracy", "convincingness", "trained_against", "verified", "best line", "line search")
"""How the names of measures end that are shares; the others are differences, log-odds or counts."""
NESTED = ("step", "best_of", "best_of_grid")
ORACLES, CEILINGS = "oracles", "ceilings"
RATES = {"supported": (0.85, 0.05, 0.05, 0.05), "unsupported": (0.05, 0.05, 0.05, 0.85)}
"""What the scripted debaters quote (see ``mixed_lines``): mostly their best line, or, where none is, a made-up one."""
PUBLISHED = {"judge before": 0.73, "judge after": 0.78, "blind judge": 0.66}
"""Accuracies in Anthropic's fall 2023 debate update, about: QuALITY, large models."""


class Results:
    """``rows`` name condition, seed and step; every other field is a measure, as [value, low, high]."""

    def __init__(self, rows, ceilings, minutes):
        self.rows, self.ceilings, self.minutes = rows, ceilings, minutes

    @classmethod
    def read(cls, runs, out):
        """``runs``: condition, seed -> folder; those that have measured nothing yet are left out."""
        rows = []
        for (condition, seed), folder in runs.items():
            for evaluation in read_evaluations(folder):
                measures = {name: _three(e) for name, e in evaluation.items() if name not in NESTED}
                for n, best in evaluation.get("best_of", {}).items():
                    measures |= {f"initial judge, best of {n}: {name}": _three(e) for name, e in best.items()}
                if evaluation["step"] == 0 and (folder / ORACLES).exists():
                    measures |= {name: _three(e) for name, e in found(folder / ORACLES).items()}
                rows.append({"condition": condition, "seed": seed, "step": evaluation["step"], **measures})
                for step, cells in evaluation.get("best_of_grid", {}).items():
                    row = next(
                        r for r in rows if (r["condition"], r["seed"], r["step"]) == (condition, seed, int(step))
                    )
                    for n, best in cells.items():
                        row |= {f"best of {n}: {name}": _three(e) for name, e in best.items()}
        return cls(rows, found(out / CEILINGS), processor_minutes(runs.values()))

    @property
    def conditions(self):
        return list(dict.fromkeys(row["condition"] for row in self.rows))

    def steps(self, condition):
        return sorted({row["step"] for row in self.rows if row["condition"] == condition})

    def seeds(self, condition):
        return sorted({row["seed"] for row in self.rows if row["condition"] == condition})

    def by_seed(self, condition, measure, step):
        """Seed -> value; ``step`` may count from the end, as -1, through the steps that were measured."""
        return seed_values(self.rows, measure, condition=condition, step=self._step(condition, step))

    def lows(self, condition, measure, step):
        """The lower ends of the seeds' own intervals, over questions."""
        at = condition, self._step(condition, step)
        rows = [row for row in self.rows if (row["condition"], row["step"]) == at and measure in row]
        return [row[measure][1] for row in rows if row[measure][1] is not None]

    def _step(self, condition, step):
        return self.steps(condition)[step] if step < 0 else step

    def over_seeds(self, condition, measure, step) -> Estimate:
        average = mean_share if measure.endswith(SHARES) else mean
        return average(self.by_seed(condition, measure, step).items())

    def difference(self, minuend, subtrahend) -> Estimate:
        """Of two (condition, measure, step), paired by seed."""
        return paired(lambda a, b: a - b, self.by_seed(*minuend), self.by_seed(*subtrahend))


def _three(estimate):
    return [None if estimate[name] is None else round(estimate[name], 4) for name in ("value", "low", "high")]
