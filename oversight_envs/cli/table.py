"""An evaluation as terminal tables and plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs.cli.runs import command_line
from oversight_envs.env.render import written
from oversight_envs.evaluation.calibration import BrierParts
from oversight_envs.evaluation.evaluate import Evaluation
from oversight_envs.evaluation.metrics import Decisions, Estimate, Metrics, SolutionMetrics, Speeches
from oversight_envs.report.sentences import sentences

REASONS, LONGEST = 5, 400
PARTS = "its rel. − res. + unc."
"""The row of the Brier score's reliability, resolution and uncertainty, below the score."""
"""How many reasons of failures are shown, and how many characters of each."""


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Prints what came out, with 95% intervals, then what it says in sentences."""
    metrics = evaluation.metrics
    judged = {
        name if len(m.judges) == 1 else f"{name} · {role}": decisions
        for name, m in metrics.items()
        for role, decisions in m.judges.items()
    }
    if judged:
        console.print(_judge_table(evaluation.name, judged))
    main = metrics[evaluation.main]
    if main.solutions:
        console.print(_prover_table(evaluation.name, main.solutions))
    if main.speeches:
        console.print(_speech_table(main))
    for sentence in sentences(evaluation):
        console.print(Text(f"• {sentence}"))


def show_failures(console: Console, evaluation: Evaluation, folder: Path) -> int:
    """Prints why episodes failed, the most frequent reasons first, and how to go on. Returns how many did."""
    reasons = Counter(
        f"{name}: {' '.join(written(record.failed).split())}"
        for name, records in evaluation.conditions.items()
        for record in records
        if record.failed is not None
    )
    failed, played = reasons.total(), sum(map(len, evaluation.conditions.values()))
    if not failed:
        return 0
    console.print(Text(f"\n{failed} of {played} episodes failed and have no result:", style="bold red"))
    for reason, count in reasons.most_common(REASONS):
        console.print(Text(f"  {count} in {reason[:LONGEST]}{'…' if len(reason) > LONGEST else ''}"), soft_wrap=True)
    if others := failed - sum(count for _, count in reasons.most_common(REASONS)):
        console.print(f"  {others} for {len(reasons) - REASONS} other reasons")
    console.print(f"they are kept in {folder}/*.failed; to play them again: {command_line()}", soft_wrap=True)
    return failed


def _table(name: str, *columns: str) -> Table:
    table = Table(title=Text(name), title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _judge_table(name: str, judged: dict[str, Decisions]) -> Table:
    """Conditions side by side, one metric a row: this fits a narrow terminal."""
    table = _table(name, "the judge", *judged)
    rows: dict[str, Callable[[Decisions], str]] = {
        "questions": lambda d: str(d.accuracy.n),
        "accuracy": lambda d: d.accuracy.text("percent"),
        "log score": lambda d: _number(d.log_score.value),
        "Brier score": lambda d: _number(d.brier.value),
        PARTS: lambda d: parts_text(d.brier_parts),
        "calibration error": lambda d: _number(d.calibration_error),
        "position bias": lambda d: _number(d.position_bias.value, signed=True),
        "label mass": lambda d: "–" if d.label_mass.value is None else f"{d.label_mass.value:.0%}",
    }
    for row, cell in rows.items():
        table.add_row(row, *(cell(decisions) for decisions in judged.values()))
    return table


def parts_text(parts: BrierParts) -> str:
    """The Brier score's parts as a sum, in the words of ``PARTS``."""
    return f"{parts.reliability:.2f} − {parts.resolution:.2f} + {parts.uncertainty:.2f}"


def _prover_table(name: str, solutions: SolutionMetrics) -> Table:
    table = _table(name, "the provers", *solutions.accuracy)
    roles = list(solutions.accuracy)
    table.add_row("right", *(solutions.accuracy[role].text("percent") for role in roles))
    table.add_row("without an answer", *(solutions.unanswered[role].text("percent") for role in roles))
    for kind in ("right", "wrong"):
        table.add_row(f"V if {kind}", *(solutions.score[role][kind].text("signed") for role in roles))
    table.caption = f"verifier's AUC: {solutions.auc.text()}"
    return table


def _speech_table(metrics: Metrics) -> Table:
    table = _table("speeches", "", *metrics.speeches)
    rows: dict[str, Callable[[Speeches], str]] = {
        "speeches": lambda s: str(s.count),
        "words each": lambda s: f"{s.words.value or 0:.0f}",
        "quotes each": lambda s: _number(s.quotes.value),
        "quotes in the passage": lambda s: s.verified.text("percent"),
        "says nothing": lambda s: _percent(s.empty),
        "cut at the word limit": lambda s: _percent(s.cut),
        "names an answer's letter": lambda s: _percent(s.names_label),
    }
    for row, cell in rows.items():
        table.add_row(row, *(cell(spoken) for spoken in metrics.speeches.values()))
    return table


def _number(value: float | None, *, signed: bool = False) -> str:
    return "undefined" if value is None else f"{value:+.2f}" if signed else f"{value:.2f}"


def _percent(estimate: Estimate) -> str:
    return "undefined" if estimate.value is None else f"{estimate.value:.0%}"
