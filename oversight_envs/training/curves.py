"""What a recipe declares of its measurements: which curves, columns and sentences show them.

A run keeps it as ``curves.json`` beside its rows, so whoever shows a run (``oversight_envs.report``) needs to know no
recipe, and users' own recipes are shown like ours.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from oversight_envs._files import make_folder, write_whole
from oversight_envs.core.checks import one_of

FILE = "curves.json"

Tone = Literal["honest", "dishonest", "plain"]
Style = Literal["percent", "number", "text", "steps"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve. ``field`` is where its estimates stand in the rows, as ``verifier.auc.-1``."""

    field: str
    label: str
    tone: Tone = "plain"

    def __post_init__(self) -> None:
        one_of("tone", self.tone, get_args(Tone))


@dataclass(frozen=True, slots=True)
class CurvesPanel:
    """Curves that share their axes."""

    title: str
    curves: tuple[Curve, ...]
    percent: bool = False
    """Whether the values are shares."""
    chance: float | None = None
    """Where a dashed line marks guessing."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table. In style ``steps`` an empty field means more than the field ``limit``."""

    heading: str
    field: str
    style: Style = "percent"
    limit: str = ""

    def __post_init__(self) -> None:
        one_of("style", self.style, get_args(Style))


@dataclass(frozen=True, slots=True)
class Curves:
    """How a run's measurements are shown.

    ``rows`` is the file of rows (JSON Lines), ``x`` the field that they are drawn over, ``names`` words for some of its
    values. ``sentences`` are templates with ``{first.FIELD}``, ``{last.FIELD}`` and ``{last.FIELD:percent}``; one whose
    fields are missing is left out.
    """

    rows: str
    x: str
    panels: tuple[CurvesPanel, ...]
    columns: tuple[Column, ...]
    sentences: tuple[str, ...]
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.panels:
            raise ValueError("panels is empty: give at least one")

    def write(self, folder: str | Path) -> None:
        """Keeps it in a run's folder."""
        write_whole(make_folder(folder) / FILE, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, folder: str | Path) -> Curves | None:
        """What a folder's recipe declared; None where there is none. Raises ValueError for a damaged file."""
        path = Path(folder) / FILE
        if not path.is_file():
            return None
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            panels = tuple(
                CurvesPanel(**{**panel, "curves": tuple(Curve(**curve) for curve in panel["curves"])})
                for panel in plain["panels"]
            )
            columns = tuple(Column(**column) for column in plain["columns"])
            return cls(**{**plain, "panels": panels, "columns": columns, "sentences": tuple(plain["sentences"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} does not declare a run's curves: {error}") from error
