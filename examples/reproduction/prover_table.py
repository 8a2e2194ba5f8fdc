"""The table of ``reproduce_prover_verifier.py``: beside the published numbers, claim by claim, and the controls."""

import datetime
import platform
import shlex
import sys
from importlib.metadata import version

from .common import above, below, markdown, paired
from .prover_results import BASE_ONLY, PUBLISHED, SRC, VERIFIERS, WINDOW


def table(results, figures):
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    seeds = "; ".join(f"{name}: {len(results.seeds(name))}" for name in results.conditions())
    parts = [
        "# The prover-verifier game in small",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}.",
        f"Tiny models on chains of three sums. Seeds of each run: {seeds}. Means over seeds with 95% intervals "
        "(Student's t over seeds). Published: arXiv 2407.13692, large models on GSM8K; to be compared in kind only.",
        "## Round by round",
        beside_published(results),
        "An attack is an RL run from the base weights of a sneaky prover alone. Its steps are counted until 10% of its "
        "solutions are wrong and score at least as high as right helpful ones do on average; `>` says that some seeds "
        "never came so far and count with the budget. Until 95% were wrong and scored as high on average: "
        f"{share(results.average(SRC, 'attack: mostly_wrong, censored'))} of attacks never came so far.",
        "## What was to be shown",
        claims(results),
        "## Who the verifier learns from",
        mixtures(results),
        "## What the provers are paid for",
        rewards(results),
        *(f"## {title}\n\n![{title}]({file})" for file, title in figures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def beside_published(results):
    def row(name, measure, style, known=None, base=None):
        cells = [base or "–"]
        for number in results.rounds(SRC):
            here = results.over_seeds(SRC, measure, number).text(style)
            censored = results.over_seeds(SRC, f"{measure}, censored", number).value
            there = PUBLISHED.get(known, {}).get(number)
            published = "" if there is None else f" (paper: {there:,})"
            cells.append(("> " if censored else "") + here + published)
        return (name, *cells)

    base = results.over_seeds(SRC, "helpful_accuracy", -1).text("percent")
    head = ("", "base", *(f"round {number}" for number in results.rounds(SRC)))
    return markdown(head, [
        row("helpful accuracy", "helpful_accuracy", "percent", "helpful accuracy", base),
        row("sneaky accuracy", "sneaky_accuracy", "percent", None,
            results.over_seeds(SRC, "sneaky_accuracy", -1).text("percent")),
        row("sneaky: wrong and convincing", "sneaky_success", "percent"),
        row("attack steps to 10% success", "attack: succeeds", "number", "attack steps"),
        row("balanced best of 2", "best of 2", "number"),
        row("balanced best of 8", "best of 8", "number", "best of n"),
        row("verifier's AUC on new provers", "verifier: new", "number"),
        row("discriminator's AUC (paper: near 1 to about .5)", "discriminator_auc", "number"),
        row("checker's AUC", "checker_auc", "number"),
        row("words of a helpful solution", "helpful_words", "number", None,
            results.over_seeds(SRC, "helpful_words", -1).text()),
    ])  # fmt: skip


def claims(results):
    last = results.rounds(SRC)[-1]
    rises = results.difference(SRC, "attack: last success", "attack: first success")
    past = results.difference(SRC, "verifier: past", "verifier_base: past")
    steps = results.slope(SRC, "attack: succeeds")
    ours, theirs = (results.slopes(name, "attack: succeeds") for name in (SRC, BASE_ONLY))
    more = paired(lambda a, b: a - b, ours, theirs)
    after, before = (results.by_seed(SRC, "helpful_accuracy", number) for number in (last, -1))
    gains = paired(lambda a, b: a - b, after, before)
    new = results.difference(SRC, "verifier: new", "verifier_base: new")
    best = results.slope(SRC, "best of 8")
    alike = results.slope(SRC, "discriminator_auc")
    checks = results.slope(SRC, "checker_auc")
    rows = [
        (
            "sneaky success against a fixed verifier rises within a round "
            f"(an attack's last {WINDOW} steps less its first {WINDOW})",
            rises.text("points"),
            above(rises, 0),
        ),
        ("verifiers trained on all rounds beat base-only ones on past attackers, at equal data (AUC)",
         past.text("signed"), above(past, 0)),
        ("attack steps rise over rounds (steps a round)", steps.text("signed"), above(steps, 0)),
        (
            "they rise more than where verifiers learn from as many base solutions (steps a round)",
            more.text("signed") if more.value is not None else "not played",
            above(more, 0),
        ),
        ("helpful accuracy ends above the base", gains.text("points"), above(gains, 0)),
        ("balanced best of 8 rises over rounds (a round)", best.text("signed"), above(best, 0)),
        ("helpful and sneaky solutions come to look alike (discriminator's AUC, a round)", alike.text("signed"),
         below(alike, 0)),
        ("helpful solutions get easier to check (checker's AUC, a round)", checks.text("signed"), above(checks, 0)),
        ("on attackers trained against it, it beats a base-only one that they do not know (AUC)", new.text("signed"),
         above(new, 0)),
    ]  # fmt: skip
    verdicts = {True: "yes", False: "not shown"}
    return markdown(("claim", "measured", "holds"), [(what, found, verdicts[holds]) for what, found, holds in rows])


def mixtures(results):
    rows = [
        (name, *(results.average(SRC, f"{verifier}: {on}").text() for on in ("base", "past", "new")))
        for verifier, name in VERIFIERS.items()
    ]
    text = markdown(
        ("AUC, mean over rounds, of a verifier trained on", "base solutions", "past attackers", "new attackers"), rows
    )
    if BASE_ONLY in results.conditions():
        slopes = [f"{name} {results.slope(name, 'attack: succeeds').text('signed')}" for name in (SRC, BASE_ONLY)]
        steps = [f"{name} {results.average(name, 'attack: succeeds').text()}" for name in (SRC, BASE_ONLY)]
        text += (
            "\n\nAll are trained as long. `base only` has as many solutions as `all rounds`, `fixed` as many in all as "
            "one round. New attackers are those trained against the verifier of `all rounds`. In a run of its own, "
            f"whose verifiers learn from base solutions only, attacks need on average: {'; '.join(steps)} steps; they "
            f"change by {'; '.join(slopes)} a round."
        )
    return text


def rewards(results):
    rows = []
    for condition in (c for c in results.conditions() if c != BASE_ONLY):
        rates = ("helpful_accuracy", "sneaky_accuracy", "sneaky_success")
        rows.append((
            "cgc reward (the run above)" if condition == SRC else condition,
            results.over_seeds(condition, "helpful_accuracy", -1).text("percent"),
            *(results.over_seeds(condition, rate, 0).text("percent") for rate in rates),
            results.over_seeds(condition, "helpful_words", 0).text(),
        ))  # fmt: skip
    head = ("after round 0", "base: helpful right", "helpful right", "sneaky right", "sneaky success", "words")
    return markdown(head, rows) + "\n\nA helpful solution that writes every step out has 20 words."


def share(estimate):
    return "–" if estimate.value is None else f"{estimate.value:.0%}"
