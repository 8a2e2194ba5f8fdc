"""Tables and figures of ``compare_protocols.py``: means over seeds, differences paired by seed (the same questions)."""

import datetime
import platform
import shlex
import sys
from dataclasses import replace
from importlib.metadata import version

from matplotlib.ticker import PercentFormatter

from oversight_envs.evaluation.statistics import Estimate, mean, mean_share
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import above, beside, curve, draw_all, markdown, paired, panels
from .protocol_runs import BATCH, GAMES, HELD_OUT, JUDGE_FIRST, SAMPLES

COLUMNS = {
    "judge right": "percent",
    "alone right": "percent",
    "gain over alone": "points",
    "ASD": "signed",
    "honest wins": "percent",
    "gain by training speakers": "points",
    "first speaker right": "percent",
    "wrong answer believed": "percent",
    "no result": "percent",
}
NOT_PLAYED = [
    [
        "debates and consultancies on arithmetic",
        "they argue for one of two answers, and these problems have none to choose from; nor does the tiny prover know "
        "how to argue for an answer that it was given",
    ],
    [
        "critique, proposer and critic on stories",
        'the tiny story models have no words for a verdict or a final answer ("Yes", "right", "Answer")',
    ],
    [
        "proposer and critic with rebuttals",
        "the tiny critic says a verdict and a sum, to which there is nothing to rejoin: there it is rebuttals=0, and "
        "differs from critique in what the critic is paid for",
    ],
]


class Results:
    """``runs`` as ``kept_runs`` reads them, and the processor minutes that they took."""

    def __init__(self, runs, minutes):
        self.runs, self.minutes = runs, minutes
        self.names = [name for name in GAMES if any(run["protocol"] == name for run in runs)]
        self.seeds = sorted({run["seed"] for run in runs})
        self.evaluated = [evaluation["step"] for evaluation in runs[0]["evaluations"]]

    def by_seed(self, name, measure, place=-1):
        """Seed -> value, in the last evaluation or another."""
        found = {
            r["seed"]: r["evaluations"][place].get(measure, {}).get("value") for r in self.runs if r["protocol"] == name
        }
        return {seed: value for seed, value in found.items() if value is not None}

    def over_seeds(self, name, measure, place=-1) -> Estimate:
        average = mean_share if COLUMNS.get(measure) == "percent" else mean
        return average(self.by_seed(name, measure, place).items())

    def difference(self, one, other, measure) -> Estimate:
        found = paired(lambda a, b: a - b, self.by_seed(one, measure), self.by_seed(other, measure))
        if found.interval is None or COLUMNS[measure] == "signed":
            return found
        return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))  # shares differ by no more

    @property
    def rows(self):
        for run in self.runs:
            for evaluation in run["evaluations"]:
                measures = {
                    name: [None if e[key] is None else round(e[key], 4) for key in ("value", "low", "high")]
                    for name, e in evaluation.items()
                    if name != "step"
                }
                yield {"protocol": run["protocol"], "seed": run["seed"], "step": evaluation["step"], **measures}


def table(results, figures):
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    parts = [
        "# Six protocols in small, and open consultancy",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}; "
        f"{results.minutes:.0f} minutes of one core for {len(results.runs)} runs, without the warm starts.",
        f"Each run: {results.evaluated[-1]} steps of {BATCH} questions with {SAMPLES} games each. In the first "
        f"{JUDGE_FIRST} only judges learn, then speakers too (PPO, on the game's own reward). "
        f"{HELD_OUT} held-out questions, {len(results.seeds)} seeds; under one seed every protocol has the same "
        "questions. All on one task begin as the same speaker and the same judge. *Alone* is that judge with equal "
        "updates and no arguments (stories) or no critic (arithmetic, the same solutions). Means over seeds with 95% "
        "intervals (Student's t over seeds).",
        measures(results),
        "*Honest wins*: how often the judge believed the side that argued for the truth; with a solver, how often it "
        "sided with a right solver, or with a critic who did not call a wrong solution right. *ASD*: log-odds of the "
        "truth (a single consultant's: of both answers argued in turn). *By training speakers*: the last judge on the "
        "trained speakers, less the same judge on the untrained ones (on arithmetic their solutions differ too). "
        "*First speaker right*, *wrong answer believed*: of those who chose or found their answer.",
        "## Before speakers learn",
        measures(results, place=0),
        "## Differences, paired by seed",
        differences(results),
        "## What others found, in kind",
        "Kenton et al. 2024 (arXiv 2407.04622) play large models that are not trained; Arnesen et al. 2024 (arXiv "
        "2409.16636) train Llama-3-8B on QuALITY. Only signs can be compared.",
        claims(results),
        "## What was not played",
        markdown(["not played", "why"], NOT_PLAYED),
        *(f"## {title}\n\n![{title}]({file})" for file, title in figures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def measures(results, place=-1):
    rows = [
        [name, GAMES[name][0], *(_shown(results.over_seeds(name, what, place), how) for what, how in COLUMNS.items())]
        for name in results.names
    ]
    return markdown(["protocol", "task", *COLUMNS], rows)


def differences(results):
    rows = []
    for one, other in PAIRS:
        if {one, other} <= set(results.names):
            found = [_shown(results.difference(one, other, what), how) for what, how in DIFFERENCES.items()]
            rows.append([f"{one} less {other}", *found])
    return markdown(["", *DIFFERENCES], rows)


PAIRS = (
    ("debate", "consultancy"),
    ("debate", "double consultancy"),
    ("double consultancy", "consultancy"),
    ("debate", "open debate"),
    ("open debate", "open consultancy"),
    ("proposer and critic", "critique"),
)
COLOURS = ("#1f6feb", "#58a6ff", "#3a9a5b", "#cf222e", "#8250df", "#bf8700", "#ff8182")
DIFFERENCES = {"judge right": "points", "gain over alone": "points", "ASD": "signed", "honest wins": "points"}


def claims(results):
    """What the abstracts say of the two papers, and what is found here: it appears where the whole interval does."""
    by_training = {name: results.over_seeds(name, "gain by training speakers") for name in results.names}
    rows = [
        (
            "Kenton: debate above consultancy, sides assigned",
            results.difference("debate", "consultancy", "judge right"),
        ),
        ("Kenton: debate above the judge alone, which lacks the text", results.over_seeds("debate", "gain over alone")),
        (
            "Kenton: where speakers choose, a wrong answer is believed less often in debate than in consultancy",
            results.difference("open consultancy", "open debate", "wrong answer believed"),
        ),
        ("Arnesen: training debaters makes the judge more accurate", by_training.get("debate", mean([]))),
        (
            "Arnesen: training a consultant does not (a gain here is against it)",
            by_training.get("consultancy", mean([])),
        ),
        (
            "beside Arnesen's control: debate above double consultancy",
            results.difference("debate", "double consultancy", "judge right"),
        ),
    ]
    return markdown(
        ["claim", "found", "above 0"],
        [[claim, _shown(found, "points"), "yes" if above(found, 0) else "not shown"] for claim, found in rows],
    )


def draw(results, folder, name):
    figures = {
        "accuracy": ("How often the judge is right in the end", accuracy),
        "training": ("The judge's gain over the judge alone in training", training),
    }
    return draw_all(figures, results, folder, name)


def training(results):
    figure, axes = panels(2)
    for axis, task in zip(axes, ("stories", "arithmetic"), strict=True):
        for name, colour in zip(results.names, COLOURS, strict=False):
            if GAMES[name][0] == task:
                gains = [results.over_seeds(name, "gain over alone", place) for place in range(len(results.evaluated))]
                curve(axis, results.evaluated, gains, colour, name, band=False)
        axis.set(title=f"{task}: gain over the judge alone, mean over seeds", xlabel="step")
        axis.axhline(0, color="#24292f", linewidth=1, alpha=0.5)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    beside(axes[0])
    return figure


def accuracy(results):
    figure, (left, right) = panels(2)
    judged = (("judge right", HONEST, "judge"), ("alone right", PLAIN, "judge alone"))
    gained = (
        ("gain over alone", HONEST, "over the judge alone"),
        ("gain by training speakers", DISHONEST, "by training speakers"),
    )
    for axis, shown, title in ((left, judged, "accuracy on held-out questions"), (right, gained, "gains")):
        for shift, (measure, colour, label) in zip((-0.12, 0.12), shown, strict=True):
            for place, name in enumerate(results.names):
                found = results.over_seeds(name, measure)
                named = {"color": colour, "label": None if place else label}
                axis.plot([found.value], [place + shift], "o", **named)
                if found.interval:
                    axis.plot(found.interval, [place + shift] * 2, color=colour)
        axis.set(title=title, yticks=range(len(results.names)), yticklabels=results.names)
        axis.invert_yaxis()
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.axvline(0, color="#24292f", linewidth=1, alpha=0.5)
    beside(left)
    return figure


def _shown(estimate, style):
    return "–" if estimate.value is None else estimate.text(style)
