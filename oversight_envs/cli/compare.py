"""Conditions side by side: a table of what each came to, their paired differences, and where they part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from oversight_envs.cli.screen import decision_panel, outcome_panel, question_panel, speech_panel
from oversight_envs.cli.table import PARTS, parts_text
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Decision
from oversight_envs.core.speech import Statement
from oversight_envs.core.usage import Spent, summed_by_role
from oversight_envs.env.render import written
from oversight_envs.evaluation.comparison import Comparison, Condition, Difference
from oversight_envs.evaluation.speeches import Speeches, as_given, kind
from oversight_envs.models.api import dollars, load_prices
from oversight_envs.protocols import explained

Cell = Callable[[Condition], str]


def show_comparison(
    console: Console, comparison: Comparison, *, prices: Path | None = None, parting: int = 5, transcripts: int = 0
) -> None:
    """Prints the tables, the questions on which the conditions differ most, and the debates on the first of them."""
    console.print(_measures(comparison, prices))
    console.print(_differences(comparison))
    for difference in comparison.differences:
        settings = "; ".join(difference.settings) or "played alike, as far as records tell"
        console.print(Text(f"• {_pair(difference)}: {settings}"), soft_wrap=True)
    parted = comparison.parting()
    if parting:
        console.print(_parting(comparison, parting))
    for part in parted[:transcripts]:
        console.print(question_panel("question", part.question, passage=True))
        for name, condition in comparison.conditions.items():
            games = [r for r in condition.records if r.question.id == part.question.id]
            first = min(games, key=lambda record: (record.ended_without_result is not None, record.seed))
            others = f", the first of {len(games)} games" if len(games) > 1 else ""
            console.print(Rule(Text(f"{name}: {part.probabilities[name]:.0%} for the right answer{others}")))
            show_episode(console, first)


def show_episode(console: Console, record: Record) -> None:
    """What was said and decided in an episode, and how it ended, without its question."""
    told = dict(zip((statement.index for statement in record.transcript), explained(record), strict=True))
    facts: list[Statement | Decision] = [*record.transcript, *record.decisions]
    for fact in sorted(facts, key=lambda fact: fact.index):
        if isinstance(fact, Decision):
            console.print(decision_panel(record, fact))
        else:
            side = record.assigned.sides.get(fact.role)
            claim = "" if side is None else record.question.options[side]
            tone, info = kind(record, fact.role), as_given(record, fact).info
            console.print(speech_panel(fact, claim, tone, fact.notes, told[fact.index], info))
    if (panel := outcome_panel(record)) is not None:
        console.print(panel)


def _measures(comparison: Comparison, prices: Path | None) -> Table:
    conditions = comparison.conditions
    count = len(comparison.shared)
    title = f"on the {count} question{'' if count == 1 else 's'} that all of them decided"
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column("")
    for name in conditions:
        table.add_column(Text(name), justify="right")
    speakers = sorted({who for condition in conditions.values() for who in condition.metrics.speeches})
    rows: dict[str, Cell] = {
        "questions left out": lambda c: str(c.left_out or ""),
        "episodes": lambda c: str(c.metrics.episodes),
        "without a result": lambda c: str(sum(r.ended_without_result is not None for r in c.records) or ""),
        "accuracy": lambda c: c.decisions.accuracy.text("percent"),
        "gap to blind": lambda c: c.over["blind"].text("points") if "blind" in c.over else "",
        "gap to expert": lambda c: c.over["expert"].text("points") if "expert" in c.over else "",
        "performance gap recovered": lambda c: "" if c.recovered is None else c.recovered.text("percent"),
        "log score": lambda c: c.decisions.log_score.text(),
        "Brier score": lambda c: c.decisions.brier.text(),
        PARTS: lambda c: parts_text(c.decisions.brier_parts),
        "calibration error": lambda c: f"{c.decisions.calibration_error:.2f}",
        "position bias": lambda c: _or_blank(c.decisions.position_bias.text("signed")),
        "agent score difference": lambda c: _or_blank(c.score_difference.text("signed")),
        "the same, over blind": lambda c: (
            "" if c.score_difference_over_blind is None else _or_blank(c.score_difference_over_blind.text("signed"))
        ),
        "honest wins": lambda c: _or_blank(c.decisions.honest_wins.text("percent")),
        "dishonest wins": lambda c: _or_blank(c.decisions.dishonest_wins.text("percent")),
        **{row: cell for who in speakers for row, cell in _spoken(who).items()},
        "tokens": lambda c: f"{tokens:,}" if (tokens := sum(s.tokens_in + s.tokens_out for s in _spent(c))) else "",
        "dollars": lambda c: _dollars(_spent(c), prices),
    }
    for row, cell in rows.items():
        cells = [cell(condition) for condition in conditions.values()]
        if any(cells):
            table.add_row(row, *cells)
    if any(c.recovered is not None and c.recovered.value is None for c in conditions.values()):
        table.caption = "the gap recovered is undefined where the expert is not clearly better than the blind judge"
    return table


def _spoken(who: str) -> dict[str, Cell]:
    def of(cell: Callable[[Speeches], str]) -> Cell:
        return lambda c: cell(c.metrics.speeches[who]) if who in c.metrics.speeches else ""

    return {
        f"words a speech, {who}": of(lambda s: f"{s.words.value:.0f}"),
        f"quotes a speech, {who}": of(lambda s: f"{s.quotes.value:.1f}"),
        f"quotes in the passage, {who}": of(lambda s: _or_blank(s.verified.text("percent"))),
    }


def _differences(comparison: Comparison) -> Table:
    table = Table(title="paired differences", title_justify="left", title_style="bold")
    table.add_column("")
    for column in ("accuracy", "p (Holm)", "log score", "questions to show 5 points"):
        table.add_column(column, justify="right")
    for difference in comparison.differences:
        table.add_row(
            Text(_pair(difference)),
            difference.accuracy.text("points"),
            "undefined" if difference.p is None else f"{difference.p:.3f}",
            difference.log_score.text("signed"),
            "unknown" if difference.questions_needed is None else f"{difference.questions_needed:,}",
        )
    return table


def _parting(comparison: Comparison, count: int) -> Table:
    table = Table(title="where they differ most: probability of the right answer", title_justify="left")
    table.add_column("question")
    for name in comparison.conditions:
        table.add_column(Text(name), justify="right")
    for part in comparison.parting()[:count]:
        text = " ".join(written(part.question.text).split())
        asked = Text.assemble((written(part.question.id), "bold"), " ", text[:80] + ("…" if len(text) > 80 else ""))
        table.add_row(asked, *(f"{p:.0%}" for p in part.probabilities.values()))
    return table


def _pair(difference: Difference) -> str:
    return f"{difference.first} − {difference.second}"


def _spent(condition: Condition) -> list[Spent]:
    """What all of its episodes took; nothing where no model behind a server played."""
    usage = summed_by_role(record.usage for record in condition.records)
    return [row for rows in usage.values() for row in rows]


def _dollars(rows: list[Spent], prices: Path | None) -> str:
    cost, unknown = dollars(rows, load_prices(prices))
    return "" if not rows else "?" if unknown and not cost else f"{cost:.4f}" + (" + ?" if unknown else "")


def _or_blank(text: str) -> str:
    return "" if text == "undefined" else text
