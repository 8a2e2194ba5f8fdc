"""The figures of ``reproduce_debate.py``, one for each published one: means over seeds, with their 95% intervals."""

from matplotlib.ticker import MultipleLocator, PercentFormatter

from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import GREEN, beside, curve, draw_all, level, panels
from .debate_results import ALONE, FROZEN, LEARN, PUBLISHED

COUNTS = (1, 2, 4, 8, 16)


def draw(results, folder, name):
    """Writes the figures and returns their titles by file name."""
    figures = {
        "judges": ("How often the judge is right", judges),
        "convincingness": ("How convincing the debater becomes", convincingness),
        "best_of_n": ("Best of N", best_of_n),
        "quotes": ("Quotes", quotes),
    }
    return draw_all(figures, results, folder, name)


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


def convincingness(results):
    figure, (axis,) = panels(1)
    over_steps(axis, results, LEARN, "convincingness", HONEST, "debaters against a learning judge")
    over_steps(axis, results, FROZEN, "convincingness", DISHONEST, "debaters against a frozen judge")
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
        for step, colour, name in (
            (-1, HONEST, "trained judge and debaters"),
            (0, DISHONEST, "gullible judge, initial debaters"),
        ):
            estimates = [results.over_seeds(LEARN, f"best of {n}: {measure}", step) for n in COUNTS]
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


def over_steps(axis, results, condition, measure, colour, label, style="o-"):
    steps = results.steps(condition)
    curve(axis, steps, [results.over_seeds(condition, measure, step) for step in steps], colour, label, style)
    axis.set_xlabel("RL steps (32 questions each)")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
