"""What the runs of ``reproduce_prover_verifier.py`` measured, one row for each round, and its means over seeds.

Seeds are the independent units: each has its own problems and random draws. So every interval here is Student's t over
seeds, 95%.
"""

import json
from statistics import fmean

import numpy as np

from oversight_envs.evaluation.statistics import Estimate, mean

ADVERSARIAL, BASE_ONLY = "adversarial", "base only"
VERIFIERS = {
    "verifier": "all rounds",
    "verifier_base": "base only",
    "verifier_latest": "latest",
    "verifier_fixed": "fixed",
}
PUBLISHED = {
    "helpful accuracy": {0: 0.57, 5: 0.63},
    "attack steps": {0: 1800, 1: 2800, 2: 5500, 3: 4000, 4: 7500},
    "best of n": {0: 0.23, 5: 0.52},
}
"""By round, of the paper (arXiv 2407.13692): large models on GSM8K. Its discriminator's AUC falls from near 1 to .5."""
WINDOW = 10
"""RL steps at an attack's start and end whose mean success is compared."""


class Results:
    """``rows`` name condition, seed and round (-1: the base model); every other field is a measure, one number or None.

    ``curves``: condition, seed, round -> the attacker's success at each of its RL steps.
    """

    def __init__(self, rows, curves):
        self.rows, self.curves = rows, curves

    @classmethod
    def read(cls, jobs):
        """``jobs``: condition, seed -> the run's folder."""
        rows, curves = [], {}
        for (condition, seed), folder in jobs.items():
            for line in (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                rows.append({"condition": condition, "seed": seed, "round": found["round"], **_measures(found)})
                if "attack" in found:
                    curves[condition, seed, found["round"]] = [point["success"] for point in found["attack"]["curve"]]
        return cls(rows, curves)

    def conditions(self):
        return list(dict.fromkeys(row["condition"] for row in self.rows))

    def seeds(self, condition):
        return sorted({row["seed"] for row in self.rows if row["condition"] == condition})

    def rounds(self, condition):
        return sorted({row["round"] for row in self.rows if row["condition"] == condition} - {-1})

    def by_seed(self, condition, measure, number):
        """Seed -> value in one round."""
        return {
            row["seed"]: row[measure]
            for row in self.rows
            if (row["condition"], row["round"]) == (condition, number) and row.get(measure) is not None
        }

    def over_seeds(self, condition, measure, number) -> Estimate:
        return mean(self.by_seed(condition, measure, number).items())

    def series(self, condition, measure):
        """Seed -> its values, round by round."""
        found = {}
        for row in self.rows:
            if row["condition"] == condition and row["round"] >= 0 and row.get(measure) is not None:
                found.setdefault(row["seed"], []).append(row[measure])
        return found

    def average(self, condition, measure) -> Estimate:
        """Over the rounds, then over seeds."""
        return mean((seed, fmean(values)) for seed, values in self.series(condition, measure).items())

    def slopes(self, condition, measure):
        """Seed -> the least-squares change from one round to the next."""
        return {
            seed: float(np.polyfit(range(len(values)), values, 1)[0])
            for seed, values in self.series(condition, measure).items()
            if len(values) > 1
        }

    def slope(self, condition, measure) -> Estimate:
        return mean(self.slopes(condition, measure).items())

    def difference(self, condition, first, second) -> Estimate:
        """Of two measures, ``first - second``, averaged over the rounds that have them, paired by seed."""
        a, b = self.series(condition, first), self.series(condition, second)
        return mean((seed, fmean(a[seed]) - fmean(b[seed])) for seed in a if seed in b)


def _measures(found):
    """One round's numbers. An attack that never succeeded counts with its whole budget: it is censored there."""
    measures = {
        name: _value(found[name])
        for name in found
        if name.endswith(("_accuracy", "_words", "_success", "_auc", "_score", "_unreadable"))
    }
    for verifier in VERIFIERS:
        if verifier in found:
            areas = [_value(area) for area in found[verifier]["auc"]]
            measures[f"{verifier}: base"], measures[f"{verifier}: new"] = areas[0], areas[-1]
            if areas[1:-1]:
                measures[f"{verifier}: past"] = fmean(areas[1:-1])
    for n, estimate in found.get("best_of", {}).items():
        measures[f"best of {n}"] = _value(estimate)
    if "attack" in found:
        attack = found["attack"]
        for name in ("succeeds", "mostly_wrong"):
            measures[f"attack: {name}"] = attack["budget"] if attack[name] is None else attack[name]
            measures[f"attack: {name}, censored"] = float(attack[name] is None)
        success = [point["success"] for point in attack["curve"]]
        measures["attack: first success"] = fmean(success[:WINDOW])
        measures["attack: last success"] = fmean(success[-WINDOW:])
    return measures


def _value(estimate):
    return None if estimate["value"] is None else round(estimate["value"], 4)
