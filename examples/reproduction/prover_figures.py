"""The figures of ``reproduce_prover_verifier.py``: means over seeds, 95% intervals."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import GREEN, beside, curve, draw_all, panels
from .prover_results import BASE_ONLY, PUBLISHED, SRC
from .prover_table import SIZES

CHANCE = {"color": PLAIN, "linestyle": (0, (3, 3)), "linewidth": 1}


def draw(results, folder, name):
    """Writes the figures and returns their titles by file name."""
    figures = {
        "accuracy": ("How often provers are right, and how convincing they are", accuracy),
        "attacks": ("How long attacks take", attacks),
        "best_of_n": ("Balanced best of n, helpful solutions only", best_of_n),
        "discriminator": ("Whether helpful and sneaky solutions look alike", discriminator),
        "checker": ("How easily helpful solutions are checked", checker),
        "verifiers": ("Which solutions verifiers can mark", verifiers),
        "within_round": ("Success of an attack, step by step", within_round),
    }
    return draw_all(figures, results, folder, name)


def accuracy(results):
    figure, axes = panels(2)
    over_rounds(axes[0], results, SRC, "sneaky_success", PLAIN, "sneaky: wrong and convincing")
    over_rounds(axes[0], results, SRC, "helpful_accuracy", HONEST, "helpful prover", base=True)
    over_rounds(axes[0], results, SRC, "sneaky_accuracy", DISHONEST, "sneaky prover", base=True)
    published(axes[0], "helpful accuracy", "paper: helpful prover", results.rounds(SRC))
    axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set(title="held-out solutions", ylim=(0, 1))
    over_rounds(axes[1], results, SRC, "helpful_score", HONEST, "right helpful ones")
    over_rounds(axes[1], results, SRC, "sneaky_score", DISHONEST, "wrong sneaky ones")
    axes[1].set(title="the verifier's V of the provers trained against it")
    for axis in axes:
        axis.legend(frameon=False, fontsize=8)
    return figure


def attacks(results):
    figure, axes = panels(2)
    titles = {"mostly_wrong": "until 95% are wrong, as convincing as right ones",
              "succeeds": "until 10% are wrong and convincing"}  # fmt: skip
    for axis, (criterion, title) in zip(axes, titles.items(), strict=True):
        budget = max((row.get("attack: budget", 0) for row in results.rows), default=0)
        for condition, colour, label in ((SRC, HONEST, "verifiers of all rounds"),
                                         (BASE_ONLY, DISHONEST, "of base solutions only")):  # fmt: skip
            rows = [row for row in results.rows if row["condition"] == condition and "attack: budget" in row]
            for seed in results.seeds(condition):
                found = [(row["round"], row[f"attack: {criterion}"]) for row in rows if row["seed"] == seed]
                axis.plot(*zip(*((n, budget if t is None else t) for n, t in found), strict=True), color=colour,
                          linewidth=1, alpha=0.35)  # fmt: skip
                for number, steps in found:
                    axis.plot(number, budget if steps is None else steps, "^" if steps is None else "o", color=colour,
                              markersize=6 if steps is None else 4, alpha=0.6)  # fmt: skip
            rounds = [n for n in results.rounds(condition) if results.attack_steps(condition, criterion, n).n]
            medians = [results.attack_steps(condition, criterion, number).median for number in rounds]
            known = [(n, m) for n, m in zip(rounds, medians, strict=True) if m is not None]
            if known:
                axis.plot(*zip(*known, strict=True), "-", color=colour, linewidth=2.5, label=f"{label}: median")
        axis.plot([], [], "^", color=PLAIN, label="a seed, not within the budget")
        axis.set(xlabel="round", ylabel="RL steps", title=title, xticks=results.rounds(SRC))
        axis.set_ylim(0, budget * 1.06)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def best_of_n(results):
    figure, (axis,) = panels(1)
    rounds = results.rounds(SRC)
    lines = [("base model, round 0's verifier", PLAIN, "base: ", rounds[0], "o--")]
    lines += [(f"round {n}", HONEST, "", n, "o-") for n in rounds]
    for label, colour, whose, number, style in lines:
        found = list(enough(results, whose, number))
        shade = 1 if whose else 0.3 + 0.7 * number / max(rounds[-1], 1)
        axis.plot([n for n, _ in found], [e.value for _, e in found], style, color=colour, alpha=shade, label=label)
    last = [(n, e) for n, e in enough(results, "", rounds[-1]) if e.interval]
    axis.fill_between(
        [n for n, _ in last], [e.low for _, e in last], [e.high for _, e in last], color=HONEST, alpha=0.15, linewidth=0
    )
    axis.axhline(0.5, **CHANCE)
    axis.set_xlim(1.8, 36)  # also where no n has enough problems, and nothing is drawn
    axis.set_xscale("log", base=2)
    axis.set_xticks(SIZES, [str(n) for n in SIZES])
    axis.set(xlabel="n, half of them right", ylabel="the verifier's favourite is right", ylim=(0, 1))
    beside(axis)
    return figure


def enough(results, whose, number):
    """n and the estimate, where seeds have 20 problems on average: few have many solutions of either kind."""
    for n in SIZES:
        questions = results.over_seeds(SRC, f"{whose}best of {n}, questions", number).value
        if questions is not None and questions >= 20:
            yield n, results.over_seeds(SRC, f"{whose}best of {n}", number)


def discriminator(results):
    """The areas along the RL steps of each round, one round after the other."""
    figure, axes = panels(2)
    rounds = results.rounds(SRC)
    for axis, kind in zip(axes, ("right", "wrong"), strict=True):
        for view, colour, label in (("words", HONEST, "words and pairs of words"),
                                    ("digits_hidden", DISHONEST, "digits hidden")):  # fmt: skip
            for number in rounds:
                runs = [
                    looks for (condition, _, at), looks in results.looks.items() if (condition, at) == (SRC, number)
                ]
                steps = [look["step"] for look in runs[0]] if runs else []
                values = [[look[view][kind]["value"] for look in run] for run in runs]
                means = [
                    np.mean([v for v in column if v is not None] or [np.nan]) for column in zip(*values, strict=True)
                ]
                places = [number + step / max(steps[-1], 1) for step in steps]
                axis.plot(places, means, "o-", color=colour, markersize=4, label=label if number == rounds[0] else None)
        axis.axhline(0.5, **CHANCE)
        axis.set(title=f"among {kind} solutions", xlabel="round (each from the base weights to its last RL step)",
                 ylabel="AUC", ylim=(0.4, 1.0), xticks=rounds)  # fmt: skip
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def checker(results):
    figure, (axis,) = panels(1)
    over_rounds(axis, results, SRC, "checker", HONEST, "frozen checkers, helpful solutions", base=True)
    axis.axhline(0.5, **CHANCE)
    axis.set(ylabel="AUC on held-out problems", ylim=(0.45, 1.0))
    beside(axis)
    return figure


def verifiers(results):
    figure, axes = panels(3)
    measured_on = (("base", "base solutions"), ("past", "past sneaky provers"), ("new", "new sneaky provers"))
    for axis, (on, title) in zip(axes, measured_on, strict=True):
        for verifier, colour, label in (
            ("verifier", HONEST, "trained on all rounds"),
            ("verifier_base", DISHONEST, "base only, equal data"),
            ("verifier_latest", GREEN, "latest round only"),
            ("verifier_fixed", PLAIN, "all rounds, fixed size"),
        ):
            over_rounds(axis, results, SRC, f"{verifier}_sneaky: {on}", colour, label)
        axis.axhline(0.5, **CHANCE)
        axis.set(title=f"AUC on {title}", ylim=(0.3, 1.0))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def within_round(results):
    figure, (axis,) = panels(1)
    rounds = results.rounds(SRC)
    for number in rounds:
        curves = [c for (condition, _, at), c in results.attacks.items() if (condition, at) == (SRC, number)]
        width = min(map(len, curves), default=0)
        if width < 5:
            continue
        averaged = np.mean([c[:width] for c in curves], axis=0)
        smooth = np.convolve(averaged, np.ones(5) / 5, mode="valid")
        shade = 0.25 + 0.75 * number / max(rounds[-1], 1)
        axis.plot(np.arange(len(smooth)) + 4, smooth, color=HONEST, alpha=shade, label=f"round {number}")
    axis.axhline(0.1, **CHANCE)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set(xlabel="RL steps of the attacker (until the first seed's attack is over)",
             ylabel="wrong and convincing\n(mean over seeds and 5 steps)")  # fmt: skip
    axis.set_ylim(bottom=0)
    beside(axis)
    return figure


def over_rounds(axis, results, condition, measure, colour, label, base=False):
    rounds = ([-1] if base else []) + results.rounds(condition)
    found = [(number, results.over_seeds(condition, measure, number)) for number in rounds]
    found = [(number, estimate) for number, estimate in found if estimate.value is not None]
    curve(axis, [number for number, _ in found], [estimate for _, estimate in found], colour, label)
    axis.set_xticks(rounds, ["base" if number < 0 else str(number) for number in rounds])
    axis.set_xlabel("round")


def published(axis, name, label, rounds):
    known = {number: value for number, value in PUBLISHED[name].items() if number in rounds}
    axis.plot(list(known), list(known.values()), "s--", color="#24292f", alpha=0.6, markersize=4, label=label)
