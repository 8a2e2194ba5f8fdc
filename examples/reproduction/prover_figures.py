"""The figures of ``reproduce_prover_verifier.py``, one for each published one: means over seeds, 95% intervals."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from oversight_envs.evaluation.statistics import mean
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import GREEN, beside, curve, draw_all, panels
from .prover_results import BASE_ONLY, PUBLISHED, SRC


def draw(results, folder, name):
    """Writes the figures and returns their titles by file name."""
    figures = {
        "accuracy": ("How often provers are right", accuracy),
        "attacks": ("How long attacks take", attacks),
        "best_of_n": ("Balanced best of n", best_of_n),
        "discriminator": ("Whether solutions look alike, and are easy to check", discriminator),
        "verifiers": ("Which solutions verifiers can mark", verifiers),
        "within_round": ("Success of an attack, step by step", within_round),
    }
    return draw_all(figures, results, folder, name)


def accuracy(results):
    figure, (axis,) = panels(1)
    over_rounds(axis, results, SRC, "helpful_accuracy", HONEST, "helpful prover", base=True)
    over_rounds(axis, results, SRC, "sneaky_accuracy", DISHONEST, "sneaky prover", base=True)
    published(axis, "helpful accuracy", "paper: helpful prover")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set(ylabel="right solutions to held-out problems", ylim=(0, 1))
    beside(axis)
    return figure


def attacks(results):
    figure, axes = panels(2)
    for axis, condition in zip(axes, (SRC, BASE_ONLY), strict=True):
        for seed, steps in results.series(condition, "attack: succeeds").items():
            late = results.series(condition, "attack: succeeds, censored")[seed]
            axis.plot(range(len(steps)), steps, "-", color=PLAIN, linewidth=1, alpha=0.6)
            for place, (value, censored) in enumerate(zip(steps, late, strict=True)):
                axis.plot([place], [value], "^" if censored else "o", color=PLAIN, markersize=6 if censored else 4)
        rounds = results.rounds(condition)
        means = [results.over_seeds(condition, "attack: succeeds", number).value for number in rounds]
        if means:
            axis.plot(rounds, means, "o-", color=HONEST, linewidth=2, label="mean over seeds")
        axis.plot([], [], "^", color=PLAIN, label="a seed, not within the budget")
        axis.set(
            xlabel="round", ylabel="RL steps to 10% success", title=TITLES[condition], xticks=rounds, ylim=(0, 108)
        )
    axes[0].legend(frameon=False, fontsize=8)
    return figure


TITLES = {SRC: "verifiers trained on all rounds", BASE_ONLY: "verifiers trained on base solutions only"}


def best_of_n(results):
    figure, (axis,) = panels(1)
    for n, colour in ((2, PLAIN), (4, GREEN), (8, HONEST)):
        over_rounds(axis, results, SRC, f"best of {n}", colour, f"best of {n}")
    published(axis, "best of n", "paper")
    axis.axhline(0.5, color=PLAIN, linestyle=(0, (3, 3)), linewidth=1)
    axis.set(ylabel="the verifier's favourite is right\n(half of the solutions are)", ylim=(0, 1))
    beside(axis)
    return figure


def discriminator(results):
    figure, (axis,) = panels(1)
    over_rounds(axis, results, SRC, "discriminator_auc", DISHONEST, "discriminator: helpful or sneaky")
    over_rounds(axis, results, SRC, "checker_auc", HONEST, "checker: right or wrong, helpful solutions")
    axis.axhline(0.5, color=PLAIN, linestyle=(0, (3, 3)), linewidth=1)
    axis.set(ylabel="AUC on held-out problems", ylim=(0.45, 1.0))
    beside(axis)
    return figure


def verifiers(results):
    figure, axes = panels(3)
    measured_on = (("base", "base solutions"), ("past", "past attackers"), ("new", "new attackers"))
    for axis, (on, title) in zip(axes, measured_on, strict=True):
        for verifier, colour, label in (
            ("verifier", HONEST, "trained on all rounds"),
            ("verifier_base", DISHONEST, "base only, equal data"),
            ("verifier_latest", GREEN, "latest round only"),
            ("verifier_fixed", PLAIN, "all rounds, fixed size"),
        ):
            over_rounds(axis, results, SRC, f"{verifier}: {on}", colour, label)
        axis.set(title=f"AUC on {title}", ylim=(0.6, 1.0))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def within_round(results):
    figure, (axis,) = panels(1)
    rounds = results.rounds(SRC)
    for number in rounds:
        curves = [c for (condition, _, at), c in results.curves.items() if condition == SRC and at == number]
        width = min(map(len, curves), default=0)
        averaged = np.mean([c[:width] for c in curves], axis=0)
        smooth = np.convolve(averaged, np.ones(5) / 5, mode="valid")
        shade = 0.25 + 0.75 * number / max(rounds[-1], 1)
        axis.plot(np.arange(len(smooth)) + 2, smooth, color=HONEST, alpha=shade, label=f"round {number}")
    axis.axhline(0.1, color=PLAIN, linestyle=(0, (3, 3)), linewidth=1)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set(xlabel="RL steps of the attacker", ylabel="wrong and convincing\n(mean over seeds and 5 steps)")
    axis.set_ylim(bottom=0)
    beside(axis)
    return figure


def over_rounds(axis, results, condition, measure, colour, label, base=False):
    rounds = ([-1] if base else []) + results.rounds(condition)
    found = [(number, mean(results.by_seed(condition, measure, number).items())) for number in rounds]
    found = [(number, estimate) for number, estimate in found if estimate.value is not None]
    curve(axis, [number for number, _ in found], [estimate for _, estimate in found], colour, label)
    axis.set_xticks(rounds, ["base" if number < 0 else str(number) for number in rounds])
    axis.set_xlabel("round")


def published(axis, name, label):
    known = PUBLISHED[name]
    axis.plot(list(known), list(known.values()), "s--", color="#24292f", alpha=0.6, markersize=4, label=label)
