"""The figures of ``reproduce_debate.py``, one for each published one: means over seeds, with their 95% intervals."""

from matplotlib.ticker import MultipleLocator, PercentFormatter

from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import GREEN, beside, curve, draw_all, level, panels
from .debate_results import ALONE, COUNTS, CRITIC, FEW, FROZEN, LEARN, MADE_UP, PUBLISHED

SHADES = ("#b3bdc9", "#8fb3dc", "#5f97d9", "#2f7ed8", "#174a86")
"""For N = 1 to 16."""


def draw(results, folder, name):
    """Writes the figures and returns their titles by file name."""
    figures = {
        "grid": ("RL step and best of N: how convincing, all ranked by the judge of the end", grid),
        "judges": ("How often the judge is right", judges),
        "few_questions": ("Few questions, many times: training and held-out questions", few_questions),
        "convincingness": ("How convincing the debater becomes", convincingness),
        "best_of_n": ("Best of N", best_of_n),
        "quotes": ("Quotes", quotes),
        "marks": ("Supervised training alone, and what marks can tell", marks),
    }
    return draw_all(figures, results, folder, name)


def grid(results):
    figure, axes = panels(2)
    titles = ("measured by the held-out judge", "measured by the judge that ranked")
    for axis, measure, title in zip(axes, ("convincingness", "ranking_convincingness"), titles, strict=True):
        for n, colour in zip(COUNTS, SHADES, strict=True):
            over_steps(axis, results, LEARN, f"best of {n}: {measure}", colour, f"best of {n}", band=n in (1, 16))
        axis.axhline(0.5, color=PLAIN, linestyle=":", linewidth=1)
        axis.set(title=title, ylabel="wins against the initial debater")
        axis.yaxis.set_major_locator(MultipleLocator(0.05))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure


def judges(results):
    figure, (axis,) = panels(1)
    over_steps(axis, results, LEARN, "judge_accuracy", HONEST, "judge, both learn")
    over_steps(axis, results, ALONE, "judge_accuracy", GREEN, "judge, debaters frozen")
    over_steps(axis, results, FROZEN, "judge_accuracy", DISHONEST, "judge frozen, debaters learn")
    over_steps(axis, results, LEARN, "blind_accuracy", PLAIN, "blind judge")
    for who, accuracy in PUBLISHED.items():
        level(axis, accuracy, f"published: {who}")
    axis.set(ylabel="accuracy on held-out questions", ylim=(0.5, 1.0))
    beside(axis)
    return figure


def few_questions(results):
    figure, axes = panels(2)
    for axis, who, colour, title in ((axes[0], "judge", HONEST, "judge"), (axes[1], "blind", PLAIN, "blind judge")):
        for condition, name, shade in ((FEW, "64 questions", colour), (LEARN, "1,586 questions", GREEN)):
            over_steps(axis, results, condition, f"train_{who}_accuracy", shade, f"{name}: training", "o--")
            over_steps(axis, results, condition, f"{who}_accuracy", shade, f"{name}: held-out")
        axis.set(title=title, ylabel="accuracy", ylim=(0.5, 1.02))
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def convincingness(results):
    figure, (axis,) = panels(1)
    over_steps(axis, results, LEARN, "convincingness", HONEST, "debaters against a learning judge")
    over_steps(axis, results, FROZEN, "convincingness", DISHONEST, "debaters against a frozen judge")
    over_steps(axis, results, CRITIC, "convincingness", GREEN, "GAE and a value head (one seed), learning judge")
    for measure, label in (("oracle: best line", "best-line oracle"), ("oracle: line search", "search over all lines")):
        level(axis, results.over_seeds(LEARN, measure, 0).value, label)
    level(axis, 0.5, "the initial debater")
    axis.set(ylabel="wins against the initial debater,\nunder the held-out judge", ylim=(0.45, 0.75))
    beside(axis)
    return figure


def best_of_n(results):
    figure, axes = panels(3)
    rows = (("convincingness", "convincingness (held-out judge)"), ("judge_accuracy", "accuracy of the ranking judge"))
    for axis, (measure, label) in zip(axes, (*rows, ("score", "score: log-odds of the own answer")), strict=True):
        for step, ranked, colour, name in (
            (-1, "", HONEST, "trained judge and debaters"),
            (0, "initial judge, ", DISHONEST, "gullible judge, initial debaters"),
        ):
            estimates = [results.over_seeds(LEARN, f"{ranked}best of {n}: {measure}", step) for n in COUNTS]
            curve(axis, COUNTS, estimates, colour, name)
        axis.set_xscale("log", base=2)
        axis.set_xticks(COUNTS, [str(n) for n in COUNTS])
        axis.set(xlabel="N", title=label)
        if measure != "score":
            axis.yaxis.set_major_locator(MultipleLocator(0.05))
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def quotes(results):
    figure, axes = panels(3)
    shown = (
        (LEARN, "quotes", "quotes a speech,\nboth learn"),
        (LEARN, "verified", "quotes that stand in the passage,\nboth learn"),
        (FROZEN, "verified", "quotes that stand in the passage,\njudge frozen"),
    )
    for axis, (condition, what, title) in zip(axes, shown, strict=True):
        for who, colour, style in (("honest", HONEST, "o-"), ("dishonest", DISHONEST, "o--")):
            over_steps(axis, results, condition, f"{who}_{what}", colour, f"{who} side", style)
        axis.set(title=title, ylim=(0, 1.5) if what == "quotes" else (0, 1))
        if what == "quotes":
            axis.yaxis.set_major_formatter("{x:.1f}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def marks(results):
    figure, axes = panels(2)
    titles = {ALONE: "initial debaters: marks say little", MADE_UP: "scripted: the side without a line makes it up"}
    for axis, (condition, title) in zip(axes, titles.items(), strict=True):
        over_steps(axis, results, condition, "judge_accuracy", HONEST, "judge, trained; debaters frozen")
        over_steps(axis, results, condition, "blind_accuracy", PLAIN, "blind judge")
        for seen, style in (("both", "--"), ("lines", "-."), ("marks", ":")):
            value = results.ceilings[condition][seen]["value"]
            axis.axhline(
                value, color="#24292f", linestyle=style, linewidth=1, label=f"best rule that sees {CEILING[seen]}"
            )
        axis.set(title=title, ylabel="accuracy on held-out questions", ylim=(0.6, 1.0))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    return figure


CEILING = {"marks": "marks", "lines": "what is quoted, no marks", "both": "both"}


def over_steps(axis, results, condition, measure, colour, label, style="o-", *, band=True):
    steps = results.steps(condition)
    curve(axis, steps, [results.over_seeds(condition, measure, s) for s in steps], colour, label, style, band=band)
    axis.set_xlabel("RL steps (32 questions each)")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
