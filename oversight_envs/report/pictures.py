"""An evaluation as panels of a picture, light or dark, and any panels as the bytes of a PNG or SVG file."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from oversight_envs.core.record import Record
from oversight_envs.evaluation.evaluate import BASELINES, Evaluation
from oversight_envs.evaluation.metrics import Decisions, Estimate, scored_solutions

Form = Literal["png", "svg"]

HONEST, DISHONEST, PLAIN = "#2f7ed8", "#e07b39", "#8a8f98"
"""Colours of the sides (blue and orange differ for every kind of colour vision), and of what has no side."""


Paint = Callable[[Any, str], None]
"""Draws one panel: ``paint(axis, ink)``."""


def panels(evaluation: Evaluation) -> list[Paint]:
    """What there is to draw of it; nothing where no truth is known.

    Judged games: accuracy by condition, and calibration of the main one. Prover-verifier: accuracy by role, and the
    verifier's V of right and wrong solutions. Intervals are 95%.
    """
    decisions, solutions = (getattr(evaluation.metrics[evaluation.main], name) for name in ("decisions", "solutions"))
    if decisions:
        return [
            lambda axis, ink: _accuracy_by_condition(axis, evaluation, ink),
            lambda axis, ink: _calibration(axis, decisions, evaluation.main, ink),
        ]
    if solutions:
        return [
            lambda axis, ink: _accuracy_by_role(axis, evaluation, ink),
            lambda axis, ink: _scores(axis, evaluation.conditions[evaluation.main], ink),
        ]
    return []


def draw(
    panels: Sequence[Paint], *, dark: bool = False, dpi: int = 144, form: Form = "png", height: float = 3.5
) -> bytes:
    """The panels beside each other, ``height`` inches high, as a file's bytes.

    Names come from users' folders and files, so nothing in a text is read as mathematics or TeX: a ``$`` is a ``$``.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ink, paper = ("#dfe3ea", "#15181d") if dark else ("#24292f", "#ffffff")
    file = io.BytesIO()
    with rc_context({"text.parse_math": False, "text.usetex": False, "svg.hashsalt": "oversight-envs"}):
        figure = Figure(figsize=(4.8 * len(panels), height), facecolor=paper, layout="constrained")
        for axis, paint in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            paint(axis, ink)
            _dress(axis, ink, paper)
        metadata = {"Date": None} if form == "svg" else None  # the same bytes for the same run
        figure.savefig(file, format=form, dpi=dpi, facecolor=paper, metadata=metadata)
    return file.getvalue()


def _accuracy_by_condition(axis: Any, evaluation: Evaluation, ink: str) -> None:
    decisions = {name: m.decisions for name, m in evaluation.metrics.items() if m.decisions}
    blind, expert = BASELINES
    names = sorted(decisions, key=lambda name: 0 if name == blind else 2 if name == expert else 1)
    colours = [PLAIN if name in BASELINES else HONEST for name in names]
    _dots(axis, names, [decisions[name].accuracy for name in names], colours, ink)
    _chance(axis, decisions[evaluation.main].chance, ink)
    axis.set_title("how often the judge is right")


def _accuracy_by_role(axis: Any, evaluation: Evaluation, ink: str) -> None:
    solutions = evaluation.metrics[evaluation.main].solutions
    assert solutions is not None
    roles = list(solutions.accuracy)
    record = evaluation.conditions[evaluation.main][0]
    colours = [HONEST if record.assigned.honest.get(role, True) else DISHONEST for role in roles]
    _dots(axis, [record.roles[role].kind for role in roles], list(solutions.accuracy.values()), colours, ink)
    axis.set_title("share of right solutions")


def _dots(axis: Any, names: Sequence[str], estimates: Sequence[Estimate], colours: Sequence[str], ink: str) -> None:
    for row, (estimate, colour) in enumerate(zip(estimates, colours, strict=True)):
        if estimate.value is None:
            continue
        if estimate.interval:
            axis.plot(estimate.interval, [row, row], color=colour, linewidth=7, alpha=0.35, solid_capstyle="round")
        axis.plot([estimate.value], [row], "o", color=colour, markersize=9)
        label = f"{estimate.value:.0%}"
        axis.annotate(label, (estimate.value, row), (0, 10), textcoords="offset points", ha="center", color=ink)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(-0.02, 1.02)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axis.grid(axis="x", color=ink, alpha=0.12)


def _chance(axis: Any, chance: float, ink: str) -> None:
    axis.axvline(chance, color=ink, linestyle=(0, (3, 3)), linewidth=1, alpha=0.6)
    axis.annotate("chance", (chance, axis.get_ylim()[1]), (4, -4), textcoords="offset points", va="top", color=ink)


def _calibration(axis: Any, decisions: Decisions, name: str, ink: str) -> None:
    low = min(decisions.chance, *(b.confidence for b in decisions.bins)) - 0.03
    axis.plot([low, 1], [low, 1], color=ink, linestyle=(0, (3, 3)), linewidth=1, alpha=0.6)
    most = max(b.count for b in decisions.bins)
    for b in decisions.bins:
        axis.scatter([b.confidence], [b.accuracy], s=40 + 260 * b.count / most, color=HONEST, alpha=0.75, linewidth=0)
        where = {"textcoords": "offset points", "ha": "center", "va": "center", "color": ink, "fontsize": 8}
        axis.annotate(str(b.count), (b.confidence, b.accuracy), (0, 15 if b.accuracy < 0.9 else -15), **where)
    axis.set_xlim(low, 1.03)
    axis.set_ylim(-0.05, 1.05)
    axis.set_xlabel("probability of the chosen answer")
    axis.set_ylabel("how often it is right")
    axis.set_title(f"calibration ({name})")
    axis.grid(color=ink, alpha=0.12)


def _scores(axis: Any, records: Sequence[Record], ink: str) -> None:
    solutions = scored_solutions(records)
    rng = np.random.default_rng(0)  # where a dot stands sideways carries no meaning
    roles = list(dict.fromkeys(s.role for s in solutions))
    for place, role in enumerate(roles):
        for shift, right, colour in ((-0.18, True, HONEST), (0.18, False, DISHONEST)):
            scores = [s.score for s in solutions if s.role == role and s.right == right]
            if not scores:
                continue
            sideways = place + shift + rng.uniform(-0.08, 0.08, len(scores))
            axis.scatter(sideways, scores, s=16, color=colour, alpha=0.55, linewidth=0)
            centre, ends = float(np.mean(scores)), [place + shift - 0.13, place + shift + 0.13]
            axis.plot(ends, [centre, centre], color=colour, linewidth=2.5)
    for name, colour in (("right solution", HONEST), ("wrong solution", DISHONEST)):
        axis.scatter([], [], s=30, color=colour, label=name)
    axis.legend(frameon=False, labelcolor=ink, fontsize=8, loc="best")
    axis.set_xticks(range(len(roles)), [records[0].roles[role].kind for role in roles])
    axis.set_xlim(-0.5, len(roles) - 0.5)
    axis.set_ylabel("verifier's V (log-odds)")
    axis.set_title("whom the verifier believes")
    axis.grid(axis="y", color=ink, alpha=0.12)


def _dress(axis: Any, ink: str, paper: str) -> None:
    """The common look: ``ink`` on ``paper``, no box."""
    axis.set_facecolor(paper)
    axis.set_axisbelow(True)
    axis.tick_params(colors=ink, labelsize=9, length=0)
    axis.title.set(color=ink, fontsize=10.5, fontweight="bold")
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set(color=ink, fontsize=9)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(ink)
        spine.set_alpha(0.3)
