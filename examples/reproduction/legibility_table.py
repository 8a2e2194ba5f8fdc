"""The table and the figure of ``reproduce_legibility.py``."""

import datetime
import platform
import shlex
import sys
from importlib.metadata import version

from oversight_envs.evaluation.statistics import mean
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import GREEN, above, below, beside, curve, draw_all, markdown, paired, panels
from .legibility_models import STYLES
from .legibility_results import BUDGETS

HEAD = ("", "right", "lines", "sums in the longest", "wrong lines", "one wrong line", "sums before it",
        "checker, k = 1", "k = 2", "k = 3", "sums to a decision")  # fmt: skip
COLUMNS = (("right", "percent"), ("lines", "number"), ("longest", "number"), ("wrong_lines", "number"),
           ("single", "percent"), ("before", "number"), ("checker_1", "percent"), ("checker_2", "percent"),
           ("checker_3", "percent"), ("work", "number"))  # fmt: skip


def table(results, tried, registered, compared, figures):
    """``tried``: results of the settings on seed 0; ``registered``: what was said beforehand of the conditions that
    ``compared`` names."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    shares = ", ".join(f"{share:.0%}" for share in STYLES)
    parts = [
        "# Legibility in small: is what provers write easier to check after the game?",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}.",
        f"Tiny models on chains of five sums; the base writes every sum in a line, merges two, or writes all in one "
        f"line ({shares} of its warm start). The checker is a simulation, no person took part: it checks random lines "
        "exactly, within a budget of k sums (`oversight_envs/evaluation/legibility.py`), and accepts what it found no "
        "fault in. Its accuracy is on half right, half wrong solutions: 50% is chance. `one wrong line` and `sums "
        "before it` are of wrong solutions.",
        "## Said before fresh seeds were run",
        registered,
        *(of_seeds(results, compared) if results.rows else ("No fresh seed was run: none of it is tested.",)),
        "## Settings tried on seed 0",
        "Helpful solutions; one seed, so there are no intervals.",
        settings(tried),
        *(f"## {title}\n\n![{title}]({file})" for file, title in figures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def of_seeds(results, compared):
    seeds = ", ".join(str(seed) for seed in sorted({row["seed"] for row in results.rows}))
    return (
        "## What came of it",
        f"Seeds {seeds}; no setting was chosen on them. Means over seeds with 95% intervals (Student's t).",
        verdict(results, **compared),
        "## Helpful solutions to held-out problems",
        measured(results, "helpful"),
        "## Sneaky solutions",
        measured(results, "sneaky"),
        "## The decoupled game: a solver for correctness, a translator for the verifier",
        translators(results),
    )


def verdict(results, game, control, free, decoupled):
    def of(measure, condition, when="trained", role="helpful"):
        return results.by_seed(condition, role, when, measure)

    def less(first, second):
        return paired(lambda a, b: a - b, first, second)

    checker = of("checker_2", game)
    risen = less(checker, of("checker_2", game, "base"))
    learnt = less(of("right", game), of("right", game, "base"))
    found = shown(above(risen, 0) and not below(learnt, 0))
    lines = [
        f"1. Legibility rises under `{game}`: **{found}**, {risen.text('points')} at k = 2, right "
        f"{learnt.text('points')}."
    ]
    for number, other in enumerate((control, free), start=2):
        gain = less(checker, of("checker_2", other))
        lines.append(
            f"{number}. It is higher than under `{other}`: **{shown(above(gain, 0))}**, {gain.text('points')}."
        )
    right = less(of("right", decoupled, role="translator"), of("right", game))
    easier = less(of("checker_2", decoupled, role="translator"), checker)
    paid = above(right, 0) and not below(easier, 0)
    lines.append(
        f"4. The decoupled game pays no tax: **{shown(paid)}**, right {right.text('points')} over `{game}`, the "
        f"checker {easier.text('points')} at k = 2."
    )
    return "\n".join(lines)


def shown(found):
    return "shown" if found else "not shown"


def measured(results, role):
    conditions = list(dict.fromkeys(row["condition"] for row in results.rows if row["role"] == role))
    rows = [cells(results, "base", conditions[0], role, "base")]
    return markdown(HEAD, [*rows, *(cells(results, name, name, role, "trained") for name in conditions)])


def cells(results, name, condition, role, when):
    return (name, *(results.over_seeds(condition, role, when, measure).text(style) for measure, style in COLUMNS))


def translators(results):
    conditions = list(dict.fromkeys(row["condition"] for row in results.rows if row["role"] == "translator"))
    rows = []
    for name in conditions:
        for when, label in (("base", "before training"), ("trained", "trained")):
            kept = results.over_seeds(name, "translator", when, "kept").text("percent")
            rows.append((*cells(results, f"{name}, {label}", name, "translator", when), kept))
    return markdown((*HEAD, "solver's answer kept"), rows)


def settings(tried):
    rows = []
    for row in tried.rows:
        if row["role"] == "helpful" and (row["when"] == "trained" or row is tried.rows[0]):
            name = row["condition"] if row["when"] == "trained" else "base"
            rows.append((name, *(mean([(0, row[measure])]).text(style) if row[measure] is not None else "–"
                                 for measure, style in COLUMNS)))  # fmt: skip
    return markdown(HEAD, rows)


def draw(results, folder, name, shown):
    """``shown``: label -> condition, role and moment."""

    def checker(results):
        figure, (left, right) = panels(2)
        colours = (PLAIN, HONEST, DISHONEST, GREEN, "#8a63d2", "#b08800")
        for (label, (condition, role, when)), colour in zip(shown.items(), colours, strict=False):
            of = [results.over_seeds(condition, role, when, f"checker_{k}") for k in BUDGETS]
            if all(estimate.value is not None for estimate in of):
                curve(left, BUDGETS, of, colour, label)
            lines = results.over_seeds(condition, role, when, "lines")
            correct = results.over_seeds(condition, role, when, "right")
            right.errorbar([lines.value], [correct.value], xerr=_half(lines), yerr=_half(correct), fmt="o",
                           color=colour, capsize=2)  # fmt: skip
        left.set(xlabel="budget of the simulated checker, in sums", ylabel="decides rightly (half are right)",
                 ylim=(0.45, 1.02), xticks=BUDGETS)  # fmt: skip
        right.set(xlabel="lines written, beside the answer", ylabel="right solutions", ylim=(0, 1.02), xlim=(0, 5.4))
        beside(left)
        return figure

    return draw_all({"checker": ("A checker with a budget, and what is written", checker)}, results, folder, name)


def _half(estimate):
    return None if estimate.interval is None else [(estimate.high - estimate.low) / 2]
