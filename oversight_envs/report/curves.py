"""What a training run measured on its way, as curves, a table and sentences; read from the run's folder alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from oversight_envs._files import json_rows
from oversight_envs.core.prompt import clean_text
from oversight_envs.evaluation.statistics import Estimate
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN, Paint
from oversight_envs.training.curves import Column, Curves, CurvesPanel

Measured = Mapping[str, Any]
"""One row of measurements."""

_COLOURS = {"honest": HONEST, "dishonest": DISHONEST, "plain": PLAIN}
_ESTIMATE = {"value", "low", "high", "n"}
_FIELD = re.compile(r"\{(first|last)\.([\w.-]+)(?::(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Training:
    """The measurements of one run, in order, and how its recipe declares that they are shown."""

    name: str
    shown: Curves
    rows: Sequence[Measured]

    @property
    def columns(self) -> Sequence[str]:
        """The table's headings."""
        return [column.heading for column in self.shown.columns]

    def cells(self, row: Measured) -> list[str]:
        """One row of the table."""
        return [self._cell(column, row) for column in self.shown.columns]

    def sentences(self) -> list[str]:
        """What came out, first against last."""
        rows = {"first": self.rows[0], "last": self.rows[-1]}
        said = []
        for template in self.shown.sentences:
            if all(_find(rows[which], field) is not None for which, field, _ in _FIELD.findall(template)):
                said.append(_FIELD.sub(lambda m: self._text(_find(rows[m[1]], m[2]), m[3] or "text"), template))
        return said

    def panels(self) -> list[Paint]:
        """What there is to draw of it. Bands are 95% intervals over questions."""
        return [partial(self._draw, panel) for panel in self.shown.panels]

    def _draw(self, panel: CurvesPanel, axis: Any, ink: str) -> None:
        places: set[float] = set()
        for curve in panel.curves:
            points = [(row[self.shown.x], _estimate(_find(row, curve.field))) for row in self.rows]
            known = [(x, e) for x, e in points if e is not None and e.value is not None]
            places |= {x for x, _ in known}
            colour = _COLOURS[curve.tone]
            axis.plot(
                [x for x, _ in known], [e.value for _, e in known], "o-", color=colour, markersize=5, label=curve.label
            )
            bands = [(x, *e.interval) for x, e in known if e.interval]
            if bands:
                axis.fill_between(*zip(*bands, strict=True), color=colour, alpha=0.18, linewidth=0)
        axis.set(title=panel.title, xlabel=self.shown.x)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if panel.percent:
            axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        if panel.chance is not None:
            axis.axhline(panel.chance, color=PLAIN, linestyle=(0, (3, 3)), linewidth=1, zorder=0)
        if self.shown.names and places:
            axis.set_xticks(sorted(places), [self.shown.names.get(str(x), str(x)) for x in sorted(places)])
        axis.grid(color=ink, alpha=0.12)
        axis.legend(frameon=False, labelcolor=ink, fontsize=8, loc="best")

    def _cell(self, column: Column, row: Measured) -> str:
        value = _find(row, column.field)
        if column.style == "steps" and value is None and (limit := _find(row, column.limit)) is not None:
            return f"over {limit}"
        return "–" if value is None else self._text(value, column.style)

    def _text(self, value: Any, style: str) -> str:
        estimate = _estimate(value)
        if estimate is not None:
            return estimate.text("number" if style == "text" else style)
        return self.shown.names.get(str(value), str(value))


def load_training(folder: str | Path) -> Training | None:
    """The run in a folder; None if there is none, or it has measured nothing yet."""
    folder = Path(folder)
    shown = Curves.read(folder)
    if shown is None or not (folder / shown.rows).is_file():
        return None
    rows = list(json_rows(folder / shown.rows))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row.get(shown.x), (int, float)):
            found = row.get(shown.x)
            raise ValueError(f"{folder / shown.rows}, line {number}: field {shown.x!r} must be a number, not {found!r}")
    return Training(clean_text(folder.name), shown, rows) if rows else None


def _find(row: Any, field: str) -> Any:
    """What stands at a place like ``verifier.auc.-1``; None where there is nothing."""
    for key in field.split("."):
        try:
            row = row[int(key)] if isinstance(row, list) else row[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return row


def _estimate(value: Any) -> Estimate | None:
    return Estimate(**value) if isinstance(value, Mapping) and {"value"} <= value.keys() <= _ESTIMATE else None
