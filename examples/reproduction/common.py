"""What both reproductions draw and write with."""

import json

import numpy as np
from matplotlib.figure import Figure

from oversight_envs.evaluation.statistics import Estimate, mean

GREEN = "#3a9a5b"


def panels(count):
    figure = Figure(figsize=(8.6, 3.9) if count == 1 else (10.2, 3.6), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(1, count))


def curve(axis, places, estimates, colour, label, style="o-", *, band=True):
    axis.plot(places, [e.value for e in estimates], style, color=colour, markersize=4, label=label)
    if band and all(e.interval for e in estimates):
        axis.fill_between(
            places, [e.low for e in estimates], [e.high for e in estimates], color=colour, alpha=0.18, linewidth=0
        )


def level(axis, value, label):
    """A dashed line across, with its name at the right edge."""
    axis.axhline(value, color="#24292f", linestyle=(0, (4, 3)), linewidth=1, alpha=0.65)
    axis.annotate(f"{label}, {value:.0%}", (1, value), (6, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip


def beside(axis):
    """The legend under the axis, where it covers nothing."""
    axis.figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def draw_all(figures, results, folder, name):
    """Writes ``figures`` (short name -> title and the function of results that draws it); file name -> title."""
    titles = {}
    for short, (title, make) in figures.items():
        figure = make(results)
        for axis in figure.axes:
            dress(axis)
        figure.savefig(folder / f"{name}_{short}.png", dpi=100)
        titles[f"{name}_{short}.png"] = title
    return titles


def dress(axis):
    axis.grid(axis="y", alpha=0.2)
    axis.set_axisbelow(True)
    axis.title.set_fontsize(10)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def above(estimate: Estimate, value):
    """Whether the whole interval is; never so for a single seed, which has none."""
    return estimate.low is not None and estimate.low > value


def below(estimate: Estimate, value):
    return estimate.high is not None and estimate.high < value


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(folder, name, rows, text):
    """The measures, a line of JSON each, and the page."""
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    page = folder / f"{name}.md"
    page.write_text(text, encoding="utf-8")
    print(page)


def seed_values(rows, measure, **where):
    """Seed -> the measure, a number or the first of [value, low, high], of the rows that have ``where``'s fields."""
    found = {}
    for row in rows:
        value = row.get(measure)
        value = value[0] if isinstance(value, list) else value
        if value is not None and all(row[field] == wanted for field, wanted in where.items()):
            found[row["seed"]] = value
    return found


def paired(function, *by_seed) -> Estimate:
    """The mean over seeds of ``function`` of each seed's values."""
    shared = [seed for seed in by_seed[0] if all(seed in values for values in by_seed)]
    return mean((seed, function(*(values[seed] for values in by_seed))) for seed in shared)
