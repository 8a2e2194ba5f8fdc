"""What the runs of ``reproduce_prover_verifier.py`` measured, one row for each round, and its means over seeds.

Seeds are the independent units: each has its own problems and random draws. Every interval is 95%, over seeds:
Student's t for numbers, the same on log-odds for shares and areas, Kaplan and Meier's for steps of which some are
censored.
"""

import json
import math
from statistics import fmean

from oversight_envs.evaluation.statistics import Estimate, mean, mean_share
from oversight_envs.evaluation.survival import Survival, Trend, survival, trend

from .common import seed_values
from .jobs import processor_minutes

SRC, BASE_ONLY = "src", "base only"
VERIFIERS = {
    "verifier": "all rounds",
    "verifier_base": "base only",
    "verifier_latest": "latest",
    "verifier_fixed": "all rounds, fixed size",
}
PUBLISHED = {
    "helpful accuracy": {0: 0.57, 1: 0.60, 2: 0.56, 3: 0.61, 4: 0.63, 5: 0.63},
    "attack steps": {0: 1800, 1: 2800, 2: 5500, 3: 4000, 4: 7500},
    "best of n": {0: 0.23, 5: 0.52},
}
"""By round, of the paper (arXiv 2407.13692), reward ``src``: large models on GSM8K. Best of n is at some hundreds."""
WINDOW = 10
"""RL steps at an attack's start and end whose mean success is compared."""


class Results:
    """``rows`` name condition, seed and round (-1: the base model); every other field is a measure, one number or None.

    ``attacks`` and ``looks``: condition, seed, round -> the attacker's success at each of its RL steps, and the
    discriminator's areas at some of the provers'.
    """

    def __init__(self, rows, attacks, looks, minutes):
        self.rows, self.attacks, self.looks, self.minutes = rows, attacks, looks, minutes

    @classmethod
    def read(cls, jobs, warm_starts):
        """``jobs``: condition, seed -> the run's folder."""
        rows, attacks, looks = [], {}, {}
        for (condition, seed), folder in jobs.items():
            for line in (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                run = condition, seed, found["round"]
                rows.append({"condition": condition, "seed": seed, "round": found["round"], **_measures(found)})
                if "attack" in found:
                    attacks[run] = [point["success"] for point in found["attack"]["curve"]]
                if "looks" in found:
                    looks[run] = found["looks"]
        return cls(rows, attacks, looks, processor_minutes([*jobs.values(), *warm_starts]))

    def conditions(self):
        return list(dict.fromkeys(row["condition"] for row in self.rows))

    def seeds(self, condition):
        return sorted({row["seed"] for row in self.rows if row["condition"] == condition})

    def rounds(self, condition):
        return sorted({row["round"] for row in self.rows if row["condition"] == condition} - {-1})

    def by_seed(self, condition, measure, number):
        """Seed -> value in one round."""
        return seed_values(self.rows, measure, condition=condition, round=number)

    def over_seeds(self, condition, measure, number) -> Estimate:
        return _mean_of(measure)(self.by_seed(condition, measure, number).items())

    def series(self, condition, measure):
        """Seed -> its values, round by round."""
        found = {}
        for row in self.rows:
            if row["condition"] == condition and row["round"] >= 0 and row.get(measure) is not None:
                found.setdefault(row["seed"], []).append(row[measure])
        return found

    def average(self, condition, measure) -> Estimate:
        """Over the rounds, then over seeds."""
        return _mean_of(measure)((seed, fmean(v)) for seed, v in self.series(condition, measure).items())

    def change(self, condition, measure, first, last) -> Estimate:
        """From round ``first`` to round ``last``, paired by seed."""
        before, after = (self.by_seed(condition, measure, number) for number in (first, last))
        return mean((seed, after[seed] - before[seed]) for seed in before if seed in after)

    def difference(self, condition, first, second) -> Estimate:
        """Of two measures, ``first - second``, averaged over the rounds that have them, paired by seed."""
        a, b = self.series(condition, first), self.series(condition, second)
        return mean((seed, fmean(a[seed]) - fmean(b[seed])) for seed in a if seed in b)

    def attack_steps(self, condition, criterion, number) -> Survival:
        """The RL steps that attacks of one round need, None where they never come so far."""
        found = [row for row in self.rows if (row["condition"], row["round"]) == (condition, number)]
        times = [row[f"attack: {criterion}"] for row in found if "attack: budget" in row]
        return survival(times, max((row["attack: budget"] for row in found if "attack: budget" in row), default=0))

    def attack_trend(self, condition, criterion) -> Trend:
        """Of the seeds that have all rounds: a stopped run is no shorter series."""
        series = {}
        for row in self.rows:
            if row["condition"] == condition and "attack: budget" in row:
                series.setdefault(row["seed"], []).append(row[f"attack: {criterion}"])
        return trend(times for times in series.values() if len(times) == len(self.rounds(condition)))

    def how_often_longer(self, condition, other, criterion) -> Estimate:
        """How often an attack takes longer on ``condition``'s verifier than on ``other``'s of the same seed and round.

        Two that take as long count half, and so do two that are not over within the budget. Without round 0, whose
        verifiers are the same.
        """
        steps = {condition: {}, other: {}}
        for row in self.rows:
            if row["condition"] in steps and row["round"] > 0 and "attack: budget" in row:
                time = row[f"attack: {criterion}"]
                steps[row["condition"]][row["seed"], row["round"]] = math.inf if time is None else time
        own, against = steps[condition], steps[other]
        both = own.keys() & against.keys()
        return mean_share((run[0], 0.5 if own[run] == against[run] else float(own[run] > against[run])) for run in both)


SHARES = ("accuracy", "success", "unreadable", "verifier", "best of", "checker", "looks")


def _mean_of(measure):
    return mean_share if any(word in measure for word in SHARES) and "questions" not in measure else mean


def _measures(found):
    measures = {
        name: _value(found[name])
        for name in found
        if name.endswith(("_accuracy", "_words", "_success", "_score", "_unreadable"))
    }
    for verifier in VERIFIERS:
        for role in ("", "_helpful", "_sneaky"):
            areas = [_value(area) for area in found.get(verifier, {}).get(f"auc{role}", [])]
            if areas:
                measures[f"{verifier}{role}: base"], measures[f"{verifier}{role}: new"] = areas[0], areas[-1]
            if past := [area for area in areas[1:-1] if area is not None]:
                measures[f"{verifier}{role}: past"] = fmean(past)
    for name, whose in (("best_of_base", "base: "), ("best_of", "")):
        for n, estimate in found.get(name, {}).items():
            measures[f"{whose}best of {n}"] = _value(estimate)
            measures[f"{whose}best of {n}, questions"] = estimate["n"]
    if known := [area["value"] for area in found.get("checkers", []) if area["value"] is not None]:
        measures["checker"] = fmean(known)
    if found.get("looks"):
        for view, kinds in found["looks"][-1].items():
            if view != "step":
                measures |= {f"looks, {view}: {kind}": _value(area) for kind, area in kinds.items()}
    if "attack" in found:
        attack = found["attack"]
        measures["attack: budget"] = attack["budget"]
        measures |= {f"attack: {name}": attack[name] for name in ("mostly_wrong", "succeeds")}
        success = [point["success"] for point in attack["curve"]]
        measures["attack: first success"] = fmean(success[:WINDOW])
        measures["attack: last success"] = fmean(success[-WINDOW:])
    return measures


def _value(estimate):
    return None if estimate["value"] is None else round(estimate["value"], 4)
