"""The table of ``reproduce_debate.py``: beside the published numbers, claim by claim, and the controls."""

import datetime
import platform
import shlex
import sys
from importlib.metadata import version

from oversight_envs.tasks.stories import Stories

from .common import above, below, markdown, paired
from .debate_results import ALONE, FROZEN, LEARN, PUBLISHED

COUNTS = (1, 2, 4, 8, 16)


def table(results, shape, figures):
    steps = results.steps(LEARN)
    seeds = f"{len(results.seeds(LEARN))} seeds ({len(results.seeds(FROZEN))} of the controls)"
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    parts = [
        "# Self-play debate in small",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}.",
        f"Tiny models on stories: {shape['questions']} training questions, {steps[-1]} RL steps, {shape['held_out']} "
        f"held-out questions for each of {seeds}. Means over seeds with 95% intervals (Student's t over seeds). "
        "Published: Anthropic's fall 2023 debate update, on QuALITY with large models; to be compared in kind only.",
        beside_published(results),
        "## What was to be shown",
        claims(results),
        "## Who learns",
        controls(results),
        "## Best of N",
        best_of_n(results),
        *(f"## {title}\n\n![{title}]({file})" for file, title in figures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def beside_published(results):
    def published(name):
        return f"about {PUBLISHED[name]:.0%}"

    gain = results.over_seeds(LEARN, "gain_over_blind", -1).text("points")
    rows = [
        ("judge before RL", published("judge before"), results.over_seeds(LEARN, "judge_accuracy", 0)),
        ("judge after RL", published("judge after"), results.over_seeds(LEARN, "judge_accuracy", -1)),
        ("blind judge, equal updates", published("blind judge"), results.over_seeds(LEARN, "blind_accuracy", -1)),
    ]
    lines = [(what, known, estimate.text("percent")) for what, known, estimate in rows]
    return markdown(("", "published", "here"), [*lines, ("judge above blind", "about +12 points", gain)])


def claims(results):
    ceiling = Stories("test").blind_ceiling()
    blind, gain = (results.over_seeds(LEARN, measure, -1) for measure in ("blind_accuracy", "gain_over_blind"))
    trained, oracle = (LEARN, "convincingness", -1), (LEARN, "oracle: best line", 0)
    won = results.over_seeds(*trained)
    way = paired(lambda a, b: (a - 0.5) / (b - 0.5), results.by_seed(*trained), results.by_seed(*oracle))
    more = results.difference((LEARN, "best of 16: convincingness", -1), (LEARN, "best of 1: convincingness", -1))
    rise = results.difference((LEARN, "best of 4: judge_accuracy", 0), (LEARN, "best of 1: judge_accuracy", 0))
    fall = results.difference((LEARN, "best of 16: judge_accuracy", 0), (LEARN, "best of 4: judge_accuracy", 0))
    midway = results.steps(FROZEN)[2]
    gained = results.difference((FROZEN, "judge_accuracy", midway), (FROZEN, "judge_accuracy", 0))
    lost = results.difference((FROZEN, "judge_accuracy", -1), (FROZEN, "judge_accuracy", midway))
    unverified = results.difference((FROZEN, "dishonest_verified", -1), (FROZEN, "dishonest_verified", 0))
    rows = [
        ("the trained judge is above the blind one by at least 10 points", gain.text("points"), gain.value >= 0.1),
        (
            f"the blind judge lands within 2 points of its computed ceiling, {ceiling:.1%}",
            f"{blind.text('percent')}: {100 * (blind.value - ceiling):+.1f} points",
            abs(blind.value - ceiling) <= 0.02,
        ),
        ("the trained debater beats the initial one under the held-out judge", won.text("percent"), above(won, 0.5)),
        (
            "it gets at least 60% of the way from 50% to the best-line oracle "
            f"({results.over_seeds(*oracle).text('percent')})",
            way.text("percent"),
            way.value >= 0.6,
        ),
        ("best of 16 is more convincing than best of 1", more.text("points"), above(more, 0)),
        ("under the gullible judge accuracy rises with N: from N = 1 to 4", rise.text("points"), above(rise, 0)),
        ("and turns over: from N = 4 to 16", fall.text("points"), below(fall, 0)),
        (f"a frozen judge is more often right by step {midway}", gained.text("points"), above(gained, 0)),
        ("and is exploited: from there to the end", lost.text("points"), below(lost, 0)),
        (
            "against it the quotes of the dishonest side that stand in the passage fall, from start to end",
            unverified.text("points"),
            below(unverified, 0),
        ),
    ]
    return markdown(
        ("claim", "found", "appears"), [(claim, found, "yes" if is_so else "no") for claim, found, is_so in rows]
    )


def controls(results):
    measures = {
        "judge": ("judge_accuracy", "percent"),
        "blind": ("blind_accuracy", "percent"),
        "convincingness": ("convincingness", "percent"),
        "honest quotes verified": ("honest_verified", "percent"),
        "dishonest quotes verified": ("dishonest_verified", "percent"),
        "position bias (log-odds)": ("position_bias", "signed"),
    }
    places = [("before", LEARN, 0), *((condition, condition, -1) for condition in (LEARN, ALONE, FROZEN))]
    rows = [
        (label, *(results.over_seeds(condition, name, step).text(style) for name, style in measures.values()))
        for label, condition, step in places
    ]
    search = results.over_seeds(LEARN, "oracle: line search", 0).text("percent")
    note = (
        "Convincingness: how often the held-out judge prefers the debater to the initial one, sides balanced. Debaters "
        f"that try every line of the story on the held-out judge itself, and quote the best, reach {search}."
    )
    return markdown(("after training", *measures), rows) + "\n\n" + note


def best_of_n(results):
    measures = (("convincingness", "percent"), ("judge_accuracy", "percent"), ("score", "signed"))
    rows = [
        (
            who,
            name.replace("_", " "),
            *(results.over_seeds(LEARN, f"best of {n}: {name}", step).text(style) for n in COUNTS),
        )
        for who, step in (("trained judge and debaters", -1), ("gullible judge, initial debaters", 0))
        for name, style in measures
    ]
    return markdown(("ranked by", "", *(f"N = {n}" for n in COUNTS)), rows)
