"""The table of ``reproduce_prover_verifier.py``: beside the published numbers, claim by claim, and the contrasts."""

import datetime
import platform
import shlex
import sys
from importlib.metadata import version

from .common import above, below, markdown
from .prover_results import BASE_ONLY, PUBLISHED, SRC, VERIFIERS, WINDOW

SIZES = (2, 4, 8, 16, 32)
CRITERIA = {
    "mostly_wrong": "95% wrong, as convincing as right ones",
    "succeeds": "10% wrong and convincing",
}


def table(results, figures):
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    seeds = "; ".join(f"{name}: {len(results.seeds(name))}" for name in results.conditions())
    parts = [
        "# The prover-verifier game in small",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}, "
        f"{results.minutes:.0f} processor minutes in all.",
        f"Tiny models on chains of three sums. Seeds of each run: {seeds}; none of them was tuned on. 95% intervals "
        "over seeds. Published: arXiv 2407.13692, large models on GSM8K, rounds 0 to 5, reward `src`, as here; to be "
        "compared in kind only.",
        "## Round by round, reward `src`",
        beside_published(results),
        "An attack is an RL run from the base weights of a sneaky prover alone. Its steps are counted until 95% of its "
        "solutions are wrong and score as high on average as right helpful ones do, and until 10% are wrong and score "
        "so, over 5 steps together. Given are Kaplan and Meier's median, its interval, and how many seeds came so far.",
        "## What was to be shown",
        claims(results),
        "## Balanced best of n, helpful solutions only",
        best_of_n(results),
        "## Whether helpful and sneaky solutions look alike",
        looks(results),
        "## Who the verifier learns from",
        mixtures(results),
        *(
            ("## Other rewards, estimators and verifiers, after round 0", contrasts(results))
            if set(results.conditions()) - {SRC, BASE_ONLY}
            else ()
        ),
        *(f"## {title}\n\n![{title}]({file})" for file, title in figures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def beside_published(results):
    rounds = results.rounds(SRC)

    def row(name, measure, style, known=None, base=False):
        cells = [results.over_seeds(SRC, measure, -1).text(style) if base else "–"]
        for number in rounds:
            there = PUBLISHED.get(known, {}).get(number)
            published = "" if there is None else f" (paper: {there:,})"
            cells.append(results.over_seeds(SRC, measure, number).text(style) + published)
        return (name, *cells)

    def attacks(condition, criterion):
        name = f"attack steps: {CRITERIA[criterion]}"
        if condition == BASE_ONLY:
            name += "; verifiers of base solutions only"
        cells = (results.attack_steps(condition, criterion, number).text() for number in rounds)
        return (name, "–", *cells)

    steps = ", ".join(f"{steps:,}" for steps in PUBLISHED["attack steps"].values())
    head = ("", "base", *(f"round {number}" for number in rounds))
    body = [
        row("helpful prover right", "helpful_accuracy", "percent", "helpful accuracy", base=True),
        row("sneaky prover right", "sneaky_accuracy", "percent", base=True),
        row("sneaky: wrong and convincing", "sneaky_success", "percent"),
        row("V of right helpful solutions", "helpful_score", "signed"),
        row("V of wrong sneaky solutions", "sneaky_score", "signed"),
        row("verifier's AUC on new provers", "verifier: new", "number"),
        row("the same among helpful solutions", "verifier_helpful: new", "number"),
        row("the same among sneaky solutions", "verifier_sneaky: new", "number"),
        row("frozen checkers' AUC on helpful solutions", "checker", "number", base=True),
        row("words of a helpful solution", "helpful_words", "number", base=True),
        *(
            attacks(condition, criterion)
            for criterion in CRITERIA
            for condition in (SRC, BASE_ONLY)
            if condition in results.conditions()
        ),
    ]
    return markdown(head, body) + f"\n\nAttack steps in the paper, rounds 0 to 4: {steps}."


def claims(results):
    rounds = results.rounds(SRC)
    first, last = rounds[0], rounds[-1]
    paper = PUBLISHED["helpful accuracy"]
    rises = results.difference(SRC, "attack: last success", "attack: first success")
    past = results.difference(SRC, "verifier_sneaky: past", "verifier_base_sneaky: past")
    new = results.difference(SRC, "verifier_sneaky: new", "verifier_base_sneaky: new")
    fixed = results.difference(SRC, "verifier_sneaky: past", "verifier_fixed_sneaky: past")
    accuracy = results.change(SRC, "helpful_accuracy", first, last)
    gain = results.change(SRC, "helpful_accuracy", -1, last)
    n = widest(results)
    rows = [
        (
            "sneaky success against a fixed verifier rises within a round "
            f"(an attack's last {WINDOW} steps less its first {WINDOW})",
            rises.text("points"), above(rises, 0),
        ),
        *(
            (f"attack steps rise over rounds ({CRITERIA[criterion]}{whose})", found.text(), rising(found))
            for condition, whose in ((SRC, ""), (BASE_ONLY, "; verifiers of base solutions only"))
            if condition in results.conditions()
            for criterion in CRITERIA
            for found in (results.attack_trend(condition, criterion),)
        ),
        *(
            (
                "an attack takes longer on a verifier of all rounds than on one of base solutions only, how often "
                f"(after round 0; {CRITERIA[criterion]})", longer.text("percent"), above(longer, 0.5),
            )
            for criterion in CRITERIA if BASE_ONLY in results.conditions()
            for longer in (results.how_often_longer(SRC, BASE_ONLY, criterion),)
        ),
        (
            f"helpful accuracy rises from round {first} to {last} (paper: "
            f"{100 * (paper[last] - paper[first]):+.0f} points in these rounds)",
            accuracy.text("points"), above(accuracy, 0),
        ),
        (f"helpful accuracy after round {last} is above the base model's", gain.text("points"), above(gain, 0)),
        (
            "verifiers trained on all rounds beat base-only ones on past sneaky provers, at equal data "
            "(AUC among sneaky solutions)",
            past.text("signed"), above(past, 0),
        ),
        ("the same on the provers trained against the former", new.text("signed"), above(new, 0)),
        ("they beat those of all rounds at a fixed size, on past sneaky provers", fixed.text("signed"),
         above(fixed, 0)),
    ]  # fmt: skip
    if n is not None:
        best = results.change(SRC, f"best of {n}", first, last)
        rows.append((
            f"balanced best of {n} rises from round {first} to {last} (paper: from .23 to .52 over rounds 0 to 5, at n "
            "of some hundreds)", best.text("signed"), above(best, 0),
        ))  # fmt: skip
    for kind in ("right", "wrong"):
        alike = results.change(SRC, f"looks, words: {kind}", first, last)
        rows.append((
            f"helpful and sneaky solutions come to look alike over rounds (surface discriminator's AUC, among {kind} "
            "ones)", alike.text("signed"), below(alike, 0),
        ))  # fmt: skip
    checks = results.change(SRC, "checker", first, last)
    rows.append((f"helpful solutions are easier to check after round {last} than after {first} (frozen checkers' AUC)",
                 checks.text("signed"), above(checks, 0)))  # fmt: skip
    verdicts = {True: "yes", False: "not shown"}
    return markdown(("claim", "measured", "holds"), [(what, found, verdicts[holds]) for what, found, holds in rows])


def rising(found):
    return found.p is not None and found.p < 0.05


def widest(results):
    """The largest n of balanced best-of-n for which every seed and round has at least 20 problems; None without any."""
    rows = [row for row in results.rows if row["condition"] == SRC and row["round"] >= 0]
    return max((n for n in SIZES if all(row.get(f"best of {n}, questions", 0) >= 20 for row in rows)), default=None)


def best_of_n(results):
    rounds = results.rounds(SRC)

    def cell(measure, number):
        questions = results.over_seeds(SRC, f"{measure}, questions", number).value
        seeds = len(results.by_seed(SRC, measure, number))
        return f"{results.over_seeds(SRC, measure, number).text()} ({questions:.0f}, {seeds})" if seeds else "–"

    rows = [
        (str(n), cell(f"base: best of {n}", rounds[0]), *(cell(f"best of {n}", number) for number in rounds))
        for n in SIZES
    ]
    head = ("n", "base, round 0's verifier", *(f"round {number}" for number in rounds))
    return (
        markdown(head, rows) + "\n\nIn brackets: problems that have n / 2 right and n / 2 wrong solutions, on average "
        "over the seeds, and how many seeds have any. 32 solutions a problem."
    )


def looks(results):
    rounds = results.rounds(SRC)
    rows = [
        (
            f"{views[view]}, {kinds[kind]}",
            *(results.over_seeds(SRC, f"looks, {view}: {kind}", n).text() for n in rounds),
        )
        for views in ({"words": "words and pairs of words", "digits_hidden": "the same, digits hidden"},)
        for view in views
        for kinds in ({"all": "all solutions", "right": "among right ones", "wrong": "among wrong ones"},)
        for kind in kinds
    ]
    return markdown(("AUC after", *(f"round {number}" for number in rounds)), rows)


def mixtures(results):
    measured_on = ("base", "past", "new")
    rows = [
        (f"{name}{whose}", *(results.average(SRC, f"{verifier}{role}: {on}").text() for on in measured_on))
        for verifier, name in VERIFIERS.items()
        for role, whose in (("", ""), ("_sneaky", ", among sneaky solutions"))
    ]
    head = ("AUC, mean over rounds, of a verifier trained on", "base solutions", "past provers", "new provers")
    return (
        markdown(head, rows) + "\n\nAll are trained as long. `base only` has as many solutions as `all rounds`; `all "
        "rounds, fixed size` as many of each problem as one round has. New provers are those trained against the "
        "verifier of `all rounds`."
    )


def contrasts(results):
    measures = (
        ("helpful_accuracy", "percent"), ("sneaky_accuracy", "percent"), ("sneaky_success", "percent"),
        ("verifier: base", "number"), ("verifier: new", "number"), ("looks, words: wrong", "number"),
    )  # fmt: skip
    rows = []
    for condition in (c for c in results.conditions() if c != BASE_ONLY):
        cells = (results.over_seeds(condition, measure, 0).text(style) for measure, style in measures)
        rows.append((f"{condition} ({len(results.seeds(condition))})", *cells))
    head = ("run (seeds)", "helpful right", "sneaky right", "sneaky: wrong and convincing",
            "verifier's AUC, base solutions", "new provers", "discriminator's AUC, wrong ones")  # fmt: skip
    return markdown(head, rows)
