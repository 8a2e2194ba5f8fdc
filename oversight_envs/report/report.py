"""A run as one HTML page: what came out, pictures, and transcripts to read. Needs a browser and no network.

What players wrote is hostile until proven otherwise: the template escapes every value, and the page's content security
policy lets no script run but the page's own and fetches nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from oversight_envs._files import make_folder, regular_file, write_whole
from oversight_envs.core.checks import at_least
from oversight_envs.core.record import Record
from oversight_envs.evaluation.evaluate import BASELINES, Evaluation
from oversight_envs.evaluation.metrics import Metrics
from oversight_envs.report.curves import Training, load_training
from oversight_envs.report.page import Page, page, truth_probabilities
from oversight_envs.report.pictures import draw
from oversight_envs.report.sentences import sentences, title

TRANSCRIPTS = 50
"""How many transcripts of one condition a page shows."""


@dataclass(frozen=True, slots=True)
class Section:
    """One evaluation as the template shows it."""

    name: str
    said: Sequence[str]
    metrics: dict[str, Metrics]
    main: str
    settings: Sequence[tuple[str, str]]
    light: str | None
    dark: str | None
    pages: Sequence[Page]
    tags: frozenset[str]
    left_out: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """One training run as the template shows it."""

    name: str
    said: Sequence[str]
    light: str
    dark: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def load_runs(paths: str | Path | Sequence[str | Path]) -> list[Evaluation | Training]:
    """What is kept at ``paths``: files of episodes, run folders (of evaluations or training), or folders of these."""
    runs: list[Evaluation | Training] = []
    for path in map(Path, [paths] if isinstance(paths, str | os.PathLike) else paths):
        inner = sorted({file.parent for file in path.glob("*/*.jsonl")}) if path.is_dir() else []
        for place in inner if inner and not any(path.glob("*.jsonl")) else [path]:
            runs.append(load_training(place) or Evaluation.load(place))
    return runs


def write_report(
    runs: Sequence[Evaluation | Training],
    out: str | Path,
    *,
    heading: str = "Oversight report",
    limit: int = TRANSCRIPTS,
) -> tuple[Path, Path | None]:
    """Writes the page to ``out`` and its pictures to ``summary.png`` beside it; returns both paths.

    Curves of training are in the page alone. Of each evaluation the first ``limit`` transcripts are shown, and the
    count of those left out.
    """
    _check(runs, heading, limit)
    out = regular_file(out)
    image = regular_file(out.with_name("summary.png"))
    make_folder(out.parent)
    write_whole(out, render_report(runs, heading=heading, limit=limit))
    picture = draw([run for run in runs if isinstance(run, Evaluation)])
    if picture is None:
        return out, None
    image.write_bytes(picture)
    return out, image


def render_report(
    runs: Sequence[Evaluation | Training], *, heading: str = "Oversight report", limit: int = TRANSCRIPTS
) -> str:
    """The page as text."""
    _check(runs, heading, limit)
    sections = [_section(run, limit) for run in runs if isinstance(run, Evaluation)]
    learnt = [_learnt(run) for run in runs if isinstance(run, Training)]
    return _rendered(heading=heading, sections=sections, learnt=learnt)


def _check(runs: Sequence[Evaluation | Training], heading: str, limit: int) -> None:
    if isinstance(runs, Evaluation | Training | str) or not isinstance(runs, Iterable):
        raise TypeError(f"runs={runs!r:.80}: give a list of them, as load_runs([path]) does")
    for run in runs:
        if not isinstance(run, Evaluation | Training):
            raise TypeError(f"runs holds {run!r:.80}: give evaluations, or what load_runs([path]) finds")
    if not isinstance(heading, str):
        raise TypeError(f"heading={heading!r:.80}: give a text")
    at_least("limit", limit, 0)


def frame_record(record: Record) -> str:
    """One episode for a notebook."""
    return _frame(_rendered(heading=record.question.id, episode=page(record)))


def frame_evaluation(evaluation: Evaluation) -> str:
    """An evaluation for a notebook: its report with the first few transcripts."""
    return _frame(render_report([evaluation], heading=evaluation.name or evaluation.main, limit=5))


def _frame(text: str) -> str:
    """A page inside another, which it can't reach: a frame of its own in which no script runs."""
    style = "width: 100%; height: 34rem; border: 0; resize: vertical"
    return f'<iframe sandbox srcdoc="{escape(text)}" style="{style}"></iframe>'


def _rendered(
    *, heading: str, sections: Sequence[Section] = (), learnt: Sequence[Learnt] = (), episode: Page | None = None
) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("oversight_envs.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sha256"] = _sha256
    environment.globals["title"] = title
    template = environment.get_template("report.html")
    return template.render(heading=heading, sections=sections, learnt=learnt, episode=episode)


def _learnt(training: Training) -> Learnt:
    return Learnt(
        name=training.name,
        said=training.sentences(),
        light=base64.b64encode(training.draw(dpi=110)).decode(),
        dark=base64.b64encode(training.draw(dark=True, dpi=110)).decode(),
        headings=list(training.columns),
        rows=[training.cells(row) for row in training.rows],
    )


def _section(evaluation: Evaluation, limit: int) -> Section:
    records = evaluation.conditions[evaluation.main]
    others = {
        name: truth_probabilities(evaluation.conditions[name]) for name in BASELINES if name in evaluation.conditions
    }
    others.pop(evaluation.main, None)
    light, dark = draw([evaluation], dpi=110), draw([evaluation], dark=True, dpi=110)
    pages = [page(record, others) for record in records[:limit]]
    return Section(
        name=evaluation.name,
        said=sentences(evaluation),
        metrics=evaluation.metrics,
        main=evaluation.main,
        settings=_settings(evaluation),
        light=base64.b64encode(light).decode() if light else None,
        dark=base64.b64encode(dark).decode() if dark else None,
        pages=pages,
        tags=frozenset(tag for shown in pages for tag in shown.tags),
        left_out=max(0, len(records) - limit),
    )


def _settings(evaluation: Evaluation) -> list[tuple[str, str]]:
    """How the main condition was played, as pairs to list."""
    record = evaluation.conditions[evaluation.main][0]
    config = ", ".join(f"{key}={value}" for key, value in record.config.items() if value is not None)
    players = [(role, _described(player)) for role, player in record.players.items()]
    return [("game", record.protocol), ("options", config), *players]


def _described(player: Any) -> str:
    """A player's description on one line: names first, nested settings in brackets."""
    if isinstance(player, dict):
        inner = ", ".join(f"{key}: {_described(value)}" for key, value in player.items() if key != "type")
        kind = str(player.get("type", ""))
        return f"{kind} ({inner})" if kind and inner else kind or inner
    return "–" if player is None else str(player)


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
