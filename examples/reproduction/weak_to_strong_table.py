"""What the runs of ``reproduce_weak_to_strong.py`` measured, and its table beside the published numbers.

Seeds are the independent units: each has its own questions, debates and order of training. So every interval here is
Student's t over seeds, 95%, and differences are paired by seed.
"""

import datetime
import platform
import shlex
import sys
from importlib.metadata import version

from oversight_envs.evaluation.statistics import Estimate, mean, mean_share
from oversight_envs.tasks.stories import Stories
from oversight_envs.training.recipes.weak_to_strong.run import read_supervisors

from .common import above, markdown, paired, seed_values

PUBLISHED = (
    ("AlexNet -> DINO ResNet50, ImageNet", 56.6, 61.9, 64.5),
    ("AlexNet -> DINO ViT-B/8, ImageNet", 56.6, 66.6, 74.0),
)
"""Model, and top-1 accuracy of the weak, weak-to-strong and strong model: openai/weak-to-strong, vision/README.md."""
SAID = {
    "soft": "soft labels: the weak judge's probabilities",
    "hard": "hard labels: its choice",
    "confidence": "soft labels, auxiliary confidence loss",
}


class Results:
    """``rows``: seed and supervisor (``debates``), and each measure as [value, low, high]."""

    def __init__(self, rows):
        self.rows = rows

    @classmethod
    def read(cls, folders):
        """``folders``: seed -> folder."""
        return cls(
            [
                {"seed": seed, "debates": row.pop("debates")} | {name: _three(e) for name, e in row.items()}
                for seed, folder in folders.items()
                for row in read_supervisors(folder)
            ]
        )

    @property
    def debates(self):
        return sorted({row["debates"] for row in self.rows})

    @property
    def losses(self):
        return [loss for loss in SAID if loss in self.rows[0]]

    def by_seed(self, debates, measure):
        return seed_values(self.rows, measure, debates=debates)

    def over_seeds(self, debates, measure) -> Estimate:
        average = mean_share if measure in ("weak", "ceiling", "before", *self.losses) else mean
        return average(self.by_seed(debates, measure).items())

    def difference(self, minuend, subtrahend) -> Estimate:
        """Of two (debates, measure), paired by seed."""
        return paired(lambda a, b: a - b, self.by_seed(*minuend), self.by_seed(*subtrahend))


def _three(estimate):
    return [None if estimate[name] is None else round(estimate[name], 4) for name in ("value", "low", "high")]


def reads(debates):
    return {0: "the question alone", 1: "one debate"}.get(debates, f"{debates} debates, averaged")


def table(results, run, figures):
    config, seeds = run.config, len({row["seed"] for row in results.rows})
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    before, ceiling = (results.over_seeds(results.debates[0], name) for name in ("before", "ceiling"))
    parts = [
        "# Weak-to-strong generalisation in small",
        f"`python {shlex.join(sys.argv)}`, {datetime.date.today()}, {packages}, Python {platform.python_version()}.",
        f"Tiny models on stories, {seeds} seeds: weak judges learn from {config.weak_questions} questions and their "
        f"answers and label {config.student_questions} others; a strong model, which reads for each answer the line of "
        "the story that supports it best and is pretrained to weigh such lines (its head is new), learns from these "
        f"labels ({config.student_steps} steps of {config.batch} questions) and is measured on {config.held_out} "
        "held-out questions, like its supervisor. Means over seeds with 95% intervals (Student's t over seeds). No "
        "setting was tuned, so no seed was seen before.",
        f"The strong model is right on {before.text('percent')} before it is trained, and on {ceiling.text('percent')} "
        "after training on the truth: the ceiling. Without the story at most "
        f"{Stories('test').blind_ceiling():.1%} can be reached (computed).",
        "Gap recovered: (student - weak) / (ceiling - weak). *From blind* puts the judge that reads the question alone "
        "in the place of every weak judge, so that supervisors are compared by one measure.",
        supervisors(results),
        "## Published",
        published(),
        "## What was to be shown",
        claims(results),
        *(f"## {title}\n\n![{title}]({file})" for file, title in figures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def supervisors(results):
    rows = []
    for debates in results.debates:
        for loss in results.losses:
            cells = [results.over_seeds(debates, name).text("percent") for name in ("weak", loss)]
            cells += [results.over_seeds(debates, f"{loss}_gain").text("points")]
            shares = (f"{loss}_recovered", f"{loss}_recovered_from_blind")
            cells += [results.over_seeds(debates, name).text("number") for name in shares]
            rows.append((reads(debates), SAID[loss], *cells))
    head = ("the weak judge reads", "the student learns from", "weak", "student", "student above weak")
    return markdown((*head, "gap recovered", "from blind"), rows)


def published():
    rows = [
        (name, *(f"{accuracy}%" for accuracy in (weak, student, strong)), f"{(student - weak) / (strong - weak):.2f}")
        for name, weak, student, strong in PUBLISHED
    ]
    note = (
        "Accuracies of `vision/README.md` of github.com/openai/weak-to-strong in its newest version (in its first they "
        "gave .58 and .42), one run each, without intervals. To be compared in kind only: other data, and a student "
        "that was pretrained on far more than its supervisor knows."
    )
    return markdown(("", "weak", "weak to strong", "strong", "gap recovered"), rows) + "\n\n" + note


def claims(results):
    fewest, most = results.debates[0], results.debates[-1]
    rows = []
    for debates in results.debates:
        gain = results.over_seeds(debates, "soft_gain")
        claim = f"a student is better than its weak judge, which reads {reads(debates)}"
        rows.append((claim, gain.text("points"), above(gain, 0)))
    for more, fewer in zip(results.debates[1:], results.debates, strict=False):
        for name, who in (("weak", "the weak judge"), ("soft", "the student")):
            change = results.difference((more, name), (fewer, name))
            claim = f"{who} is better with {reads(more)} than with {reads(fewer)}"
            rows.append((claim, change.text("points"), above(change, 0)))
    if most > fewest:
        share = results.difference((most, "soft_recovered"), (fewest, "soft_recovered"))
        claim = f"more of the gap is recovered with {reads(most)} than with {reads(fewest)}"
        rows.append((claim, share.text("signed"), above(share, 0)))
    for debates in results.debates:
        for loss in results.losses[1:]:
            change = results.difference((debates, loss), (debates, "soft"))
            claim = f"{SAID[loss]}: better than plain soft labels, with {reads(debates)}"
            rows.append((claim, change.text("points"), above(change, 0)))
    return markdown(("claim", "found", "appears"), [(claim, text, "yes" if so else "no") for claim, text, so in rows])
