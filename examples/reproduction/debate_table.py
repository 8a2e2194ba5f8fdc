"""The table of ``reproduce_debate.py``: beside the published numbers, claim by claim, the grid, and the controls."""

import datetime
import platform
import shlex
import sys
from importlib.metadata import version

from oversight_envs.evaluation.statistics import Estimate
from oversight_envs.tasks.stories import Stories

from .common import above, below, markdown, paired
from .debate_results import ALONE, COUNTS, CRITIC, FEW, FROZEN, LEARN, MADE_UP, PUBLISHED, RATES

DEPARTURES = """\
- Tiny models (0.12M parameters) on stories of 8 lines, one speech of one quoted line, against large models on
  QuALITY. To be compared in kind only.
- The judge was warmed up on quotes whose marks (verified or not) mean nothing: it weighs arguments and takes a lie
  for the truth, so that reading marks is there to be learned. Nothing says that the source's judge began so.
- "PPO" here is PPO's clipped objective without a critic (`rloo`, 4 debates a question). One seed with GAE and a
  value head is below; nothing was tuned for it.
- All seeds start from one warm start of debater and judges: the intervals know nothing of how another would have
  ended.
- Best of N: candidates are ranked against one further speech of the same debater for the other side, and all cells
  of the grid by the judge of the end. The source, too, draws N for one side only; its judge both ranks and decides,
  as in the right panel here. The left panel's judge was never trained against, nor ranks. Which checkpoint of the
  judge the source ranked by we could not establish.
- Wins are against the initial debater; the source rates its debaters among each other."""


def table(results, shape, figures):
    steps = results.steps(LEARN)
    counts = ", ".join(f"{condition}: {len(results.seeds(condition))}" for condition in results.conditions)
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    pictures = {file.removesuffix(".png").removeprefix("reproduce_debate_"): (file, t) for file, t in figures.items()}

    def picture(name):
        file, title = pictures[name]
        return f"### {title}\n\n![{title}]({file})"

    parts = [
        "# Self-play debate in small",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}; "
        f"{results.minutes:.0f} CPU-minutes for all runs.",
        f"Tiny models on stories: {shape['questions']} training questions, {steps[-1]} RL steps, {shape['held_out']} "
        f"held-out questions for each seed (seeds: {counts}). Means over seeds with 95% intervals (Student's t over "
        "seeds; of a share's log-odds where it is a share). Published: Anthropic's fall 2023 debate update.",
        beside_published(results),
        "## What departs from the source",
        DEPARTURES,
        "## What was to be shown",
        claims(results),
        "## RL step and best of N",
        picture("grid"),
        "How often best of N of the debater of an RL step beats the initial debater, under the held-out judge:",
        grid(results, "convincingness"),
        "The same under the judge that ranked:",
        grid(results, "ranking_convincingness"),
        picture("best_of_n"),
        best_of_n(results),
        "## Who learns",
        controls(results),
        *map(picture, ("judges", "convincingness", "quotes")),
        "## Few questions, many times",
        picture("few_questions"),
        few_questions(results),
        "## Supervised training alone",
        marks(results),
        picture("marks"),
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
    return markdown(
        ("held-out accuracy", "published", "here"), [*lines, ("judge above blind", "about +12 points", gain)]
    )


def claims(results):
    ceiling = Stories("test").blind_ceiling()
    blind, gain = (results.over_seeds(LEARN, measure, -1) for measure in ("blind_accuracy", "gain_over_blind"))
    trained, oracle = (LEARN, "convincingness", -1), (LEARN, "oracle: best line", 0)
    won = results.over_seeds(*trained)
    way = paired(lambda a, b: (a - 0.5) / (b - 0.5), results.by_seed(*trained), results.by_seed(*oracle))
    midway = results.steps(FROZEN)[2]

    def change(condition, measure, start=0, end=-1, than=None):
        """From one step to another, or from another measure."""
        return results.difference((condition, measure, end), (condition, than or measure, start))

    def rises(estimate):
        return estimate.text("points"), above(estimate, 0)

    def falls(estimate):
        return estimate.text("points"), below(estimate, 0)

    best, gullible = "best of {}: convincingness", "initial judge, best of {}: judge_accuracy"
    few_blind = results.over_seeds(FEW, "train_blind_accuracy", -1)
    few_low = min(results.lows(FEW, "train_blind_accuracy", -1), default=0.0)
    gap = change(FEW, "train_blind_accuracy", -1, than="blind_accuracy")
    asd = change(LEARN, "score_difference")
    rows = [
        ("the trained judge is above the blind one by at least 10 points", gain.text("points"), above(gain, 0.1)),
        (
            f"the blind judge lands within 2 points of its computed ceiling, {ceiling:.1%}",
            blind.text("percent"),
            above(blind, ceiling - 0.02) and below(blind, ceiling + 0.02),
        ),
        (
            "arguing for the right answer pays more after training: the score difference rises",
            asd.text("signed"),
            above(asd, 0),
        ),
        ("the trained debater beats the initial one under the held-out judge", won.text("percent"), above(won, 0.5)),
        (
            "it gets at least 60% of the way from 50% to the best-line oracle "
            f"({results.over_seeds(*oracle).text('percent')})",
            way.text("percent"),
            above(way, 0.6),
        ),
        (
            "best of 16 is more convincing than best of 1: initial debater",
            *rises(results.difference((LEARN, best.format(16), 0), (LEARN, best.format(1), 0))),
        ),
        (
            "and trained debater",
            *rises(results.difference((LEARN, best.format(16), -1), (LEARN, best.format(1), -1))),
        ),
        ("RL makes best of 1 more convincing", *rises(change(LEARN, best.format(1)))),
        ("and best of 16", *rises(change(LEARN, best.format(16)))),
        (
            "under the gullible judge accuracy rises with N: from N = 1 to 4",
            *rises(results.difference((LEARN, gullible.format(4), 0), (LEARN, gullible.format(1), 0))),
        ),
        (
            "and turns over: from N = 4 to 16",
            *falls(results.difference((LEARN, gullible.format(16), 0), (LEARN, gullible.format(4), 0))),
        ),
        (f"a frozen judge is more often right by step {midway}", *rises(change(FROZEN, "judge_accuracy", 0, midway))),
        ("and is exploited: from there to the end", *falls(change(FROZEN, "judge_accuracy", midway))),
        (
            "against it the quotes of the dishonest side that stand in the passage fall, from start to end",
            *falls(change(FROZEN, "dishonest_verified")),
        ),
        (
            "few questions: the blind judge fits them (above 90% in each seed's own interval)",
            f"{few_blind.text('percent')}, at least {few_low:.0%}",
            few_low > 0.9,
        ),
        ("and does not generalise: on held-out questions 20 points less", gap.text("points"), above(gap, 0.2)),
        ("and the judge does: it rises on held-out questions", *rises(change(FEW, "judge_accuracy"))),
        ("supervised training alone helps on initial debaters", *rises(change(ALONE, "judge_accuracy"))),
        ("and on debaters whose marks say much", *rises(change(MADE_UP, "judge_accuracy"))),
    ]
    note = "A claim is shown where its whole interval is; a condition that was run with one seed has none."
    lines = [(claim, found, "yes" if is_so else "not shown") for claim, found, is_so in rows]
    return markdown(("claim", "found", "shown"), lines) + "\n\n" + note


def grid(results, measure):
    rows = [
        (str(step), *(results.over_seeds(LEARN, f"best of {n}: {measure}", step).text("percent") for n in COUNTS))
        for step in results.steps(LEARN)
    ]
    return markdown(("RL step", *(f"N = {n}" for n in COUNTS)), rows)


def best_of_n(results):
    measures = (("judge_accuracy", "percent"), ("score", "signed"))
    rows = [
        (
            who,
            name.replace("_", " "),
            *(results.over_seeds(LEARN, f"{ranked}best of {n}: {name}", step).text(style) for n in COUNTS),
        )
        for who, ranked, step in (
            ("trained judge and debaters", "", -1),
            ("gullible judge, initial debaters", "initial judge, ", 0),
        )
        for name, style in measures
    ]
    note = (
        "Accuracy is where both sides do it; the score, log-odds of the own answer, where one does, against the "
        "initial debater."
    )
    return markdown(("ranked by", "", *(f"N = {n}" for n in COUNTS)), rows) + "\n\n" + note


def controls(results):
    measures = {
        "judge": ("judge_accuracy", "percent"),
        "score difference (ASD)": ("score_difference", "signed"),
        "blind": ("blind_accuracy", "percent"),
        "convincingness": ("convincingness", "percent"),
        "honest quotes verified": ("honest_verified", "percent"),
        "dishonest quotes verified": ("dishonest_verified", "percent"),
        "position bias (log-odds)": ("position_bias", "signed"),
    }
    places = [("before", LEARN, 0), *((condition, condition, -1) for condition in (LEARN, CRITIC, FEW, ALONE, FROZEN))]
    rows = [
        (label, *(results.over_seeds(condition, name, step).text(style) for name, style in measures.values()))
        for label, condition, step in places
    ]
    search = results.over_seeds(LEARN, "oracle: line search", 0).text("percent")
    note = (
        "Convincingness: how often the held-out judge prefers the debater to the initial one, sides balanced. Debaters "
        f"that try every line of the story on the held-out judge itself, and quote the best, reach {search}. Score "
        "difference (arXiv 2504.03731): the judge's log-probability of the answer that the honest side argues for less "
        "that of the other's, a question's mean. `value head`: GAE, one seed."
    )
    return markdown(("after training", *measures), rows) + "\n\n" + note


def few_questions(results):
    rows = []
    for condition in (FEW, LEARN):
        steps = [results.steps(condition)[place] for place in (0, 1, 2, -1)]
        for who in ("judge", "blind"):
            for where, measure in (("training", f"train_{who}_accuracy"), ("held-out", f"{who}_accuracy")):
                values = [results.over_seeds(condition, measure, step).text("percent") for step in steps]
                rows.append((condition, who, where, *values))
    steps = results.steps(FEW)
    note = (
        f"`{FEW}`: 64 training questions, each debated 50 times; `{LEARN}`: 1,586, each twice, of which 150 are "
        "measured on. Training accuracy is that of fresh debates on these questions, by the debaters and judge of that "
        "step."
    )
    return (
        markdown(("", "", "questions", "step 0", f"step {steps[1]}", f"step {steps[2]}", "end"), rows) + "\n\n" + note
    )


def marks(results):
    shown = (("marks", "marks"), ("what is quoted, no marks", "lines"), ("both", "both"))
    names = {ALONE: "initial debaters", MADE_UP: "scripted debaters"}
    rows = [
        (
            label,
            *(Estimate(**results.ceilings[condition][seen]).text("percent") for _, seen in shown),
            results.over_seeds(condition, "blind_accuracy", -1).text("percent"),
            results.over_seeds(condition, "judge_accuracy", 0).text("percent"),
            results.over_seeds(condition, "judge_accuracy", -1).text("percent"),
        )
        for condition, label in names.items()
    ]
    shares = {side: ", ".join(f"{share:.0%}" for share in RATES[side]) for side in ("supported", "unsupported")}
    note = (
        "Ceilings were counted first, on 4,000 other debates: the best rule that sees so much of one, found on one "
        "half and scored on the other (95% interval over questions). Scripted debaters quote their best line, a line "
        f"about the thing, any line or a made-up one in {shares['supported']} of the speeches where a line supports "
        f"their answer (the right one always has one), else in {shares['unsupported']}."
    )
    head = ("debates of", *(f"ceiling: {name}" for name, _ in shown), "blind", "judge before", "judge after")
    return markdown(head, rows) + "\n\n" + note
