"""What a terminal shows of a game.

No text is read as markup or as the name of an emoji, whoever wrote it. What players and data sets wrote goes through
``written``, so that our marks stay ours without colour as well. No control character reaches the terminal but the
console's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from oversight_envs.core.prompt import clean_text
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS, Decision
from oversight_envs.core.speech import Statement
from oversight_envs.env.render import flags, written

HONEST, DISHONEST, NEUTRAL = "dodger_blue1", "dark_orange", "grey62"
BAR = 24
"""Width of a probability bar, in characters."""


class _Console(Console):
    """A console that prints no control characters of its texts: errors and file names hold what others wrote, too."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(clean_text(segment.text), segment.style)


def stdout() -> Console:
    """The console for results: made anew, because tests and pipes change what stdout is."""
    return _Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """The console for errors."""
    return _Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def question_panel(game: str, question: Question, *, passage: bool) -> Panel:
    """The question, the answers, and (``passage``) how the passage begins."""
    body = [Text(written(question.text), style="bold")]
    body += [Text(f"  • {written(option)}") for option in question.options]
    if passage and question.passage:
        start = written(" ".join(question.passage[:400].split()))
        more = "…" if len(question.passage) > 400 else ""
        about = f"the passage, which only experts read ({len(question.passage):,} characters): "
        body += [Text(), Text.assemble((about, "dim"), (start + more, "dim italic"))]
    return Panel(Group(*body), title=Text(f"{game} · {written(question.id)}"), title_align="left", border_style="white")


def speech_panel(
    statement: Statement,
    claim: str,
    tone: str | None,
    private: str = "",
    explained: str = "",
    info: Mapping[str, Any] = MappingProxyType({}),
) -> Panel:
    """A speech, its quotes marked. ``tone``: honest, dishonest, helpful, sneaky, or None to show none. ``explained``
    stands above it: what it says in the game's terms. ``info`` is what its speaker told about it."""
    colour = {"honest": HONEST, "helpful": HONEST, "dishonest": DISHONEST, "sneaky": DISHONEST}.get(tone or "", NEUTRAL)
    text = Text()
    for segment in statement.segments:
        if not segment.quoted:
            text.append(written(segment.text))
        elif segment.verified:  # in the passage's words, as the judge reads it
            text.append(f"“{written(segment.source)}” ✓", style="black on green3")
        elif segment.short:
            text.append(f"“{written(segment.text)}” (too short to count)")
        else:
            text.append(f"“{written(segment.text)}” ✗ not in the passage", style="strike red")
    body: list[RenderableType] = [Text(f"argues for: {written(claim)}", style=colour)] if claim else []
    body += [Text(explained, style="bold")] if explained else []
    body += [Text(f"(private) {written(private)}", style="dim italic")] if private else []
    body.append(text if text.plain.strip() else Text("(says nothing)", style="dim italic"))
    if notes := flags(statement, info):
        body.append(Text(" · ".join(notes), style="red"))
    title = Text(statement.role, style=f"bold {colour}")
    if tone in ("honest", "dishonest"):
        title.append(f" ({tone})", style=colour)
    return Panel(Group(*body), title=title, title_align="left", border_style=colour)


def decision_panel(record: Record, decision: Decision) -> Panel:
    """One decision of a game."""
    body: list[RenderableType] = [_bars(record, decision)]
    if decision.verdict.mass is not None:
        body.append(Text(f"probability on the letters at all: {decision.verdict.mass:.0%}", style="dim"))
    return _panel(Group(*body), f"{decision.role} decides")


def outcome_panel(record: Record) -> Panel | None:
    """What was answered and scored, and what everyone earned; None where there is nothing to say."""
    body: list[RenderableType] = []
    if record.ended_without_result:
        body.append(Text(f"no result: {record.ended_without_result}", style="red"))
    if record.scores:
        body.append(_scores(record))
    scored = {scored.author for scored in record.scores}
    body += [_answer(record, role) for role in record.answers if role not in scored]
    if record.rewards:
        earned = " · ".join(f"{role} {value:+.2f}" for role, value in record.rewards.items())
        body.append(Text(f"rewards: {earned}", style="dim"))
    markers = " and ".join(dict.fromkeys(scored.role for scored in record.scores))
    return _panel(Group(*body), f"{markers} marks" if markers else "the end") if body else None


def _panel(body: Group, title: str) -> Panel:
    return Panel(body, title=Text(title, style="bold"), title_align="left", border_style="white")


def _bars(record: Record, decision: Decision) -> Table:
    table = _grid()
    probabilities, truth = decision.verdict.probabilities, record.question.truth
    for label, option in zip(LABELS, decision.orders[0], strict=False):
        p = probabilities[option]
        colour = NEUTRAL if truth is None else HONEST if option == truth else DISHONEST
        mark = Text(" ✓ right answer", style="green3") if option == truth else Text()
        name = Text.assemble((f"{label}: ", "bold"), written(record.question.options[option]), mark)
        table.add_row(_bar(p, colour), Text(f"{p:4.0%}", style="bold"), name)
    return table


def _scores(record: Record) -> Table:
    table = _grid()
    for scored in record.scores:
        right = record.correct.get(scored.author)
        colour = NEUTRAL if right is None else HONEST if right else DISHONEST
        p = 1 / (1 + 2.718281828 ** -max(-50.0, min(50.0, scored.value)))
        table.add_row(_bar(p, colour), Text(f"V {scored.value:+.2f}", style="bold"), _answer(record, scored.author))
    return table


def _answer(record: Record, role: str) -> Text:
    """What a role answered in the end, and whether that is right."""
    answer, right = record.answers.get(role), record.correct.get(role)
    says = Text.assemble((role, "bold"), ": ", "no valid answer" if answer is None else written(answer))
    return says.append({True: " ✓ right", False: " ✗ wrong", None: ""}[right], style="green3" if right else "red")


def _grid() -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, min_width=BAR)
    table.add_column(no_wrap=True, justify="right")
    table.add_column()
    return table


def _bar(p: float, colour: str) -> Text:
    full = round(p * BAR)
    return Text.assemble(("█" * full, colour), ("░" * (BAR - full), "grey35"))
