"""A run as one HTML page: what came out, pictures, and transcripts to read. Needs a browser and no network.

What players wrote is hostile until proven otherwise: the template escapes every value, and the page's content security
policy lets no script run but the page's own and fetches nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from oversight_envs._files import make_folder, regular_file, write_whole
from oversight_envs.core.checks import at_least
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.record import Record
from oversight_envs.evaluation.evaluate import BASELINES, Evaluation
from oversight_envs.evaluation.metrics import Metrics
from oversight_envs.evaluation.rows import player_name
from oversight_envs.play.identity import FINGERPRINT
from oversight_envs.report.article import article
from oversight_envs.report.blocks import Block, pack
from oversight_envs.report.curves import Training, load_training
from oversight_envs.report.differences import Pair, pairs
from oversight_envs.report.elements import Element, to_plain
from oversight_envs.report.page import Page, page, truth_probabilities
from oversight_envs.report.pictures import Paint, draw, panels
from oversight_envs.report.sentences import sentences, title

PER_PAGE = 20
"""Transcripts shown at once."""

FILTERS = {
    "right": "judge right",
    "wrong": "judge wrong",
    "tie": "tie",
    "sure": "judge sure (90%)",
    "believed": "wrong solution believed",
    "verified": "quotes in the passage",
    "unverified": "false quotes",
    "cut": "cut at the word limit",
    "unfinished": "cut at the token limit",
    "truncated": "no result",
}
"""Tag of a page -> its button."""

SORTS = {
    "": "as played",
    "believed up": "most wrong first",
    "believed down": "most right first",
    "sure down": "surest first",
    "sure up": "least sure first",
    "absent down": "most false quotes first",
    "verified down": "most verified quotes first",
    "words down": "longest first",
    "words up": "shortest first",
}
"""What transcripts are sorted by, and which way -> its name."""


@dataclass(frozen=True, slots=True)
class Transcripts:
    """The transcripts of one evaluation: the first few to read at once, and all of them packed."""

    first: Sequence[Element]
    count: int
    left_out: int
    filters: Mapping[str, str]
    index: Sequence[Block] = ()
    """One value: what transcripts are sorted and filtered by, a column each."""
    episodes: Sequence[Block] = ()
    """``[number of its passage or null, article]`` each."""
    passages: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """One panel of a picture for light and for dark screens, as PNG in base64."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Section:
    """One evaluation as the template shows it."""

    number: int
    name: str
    said: Sequence[str]
    metrics: dict[str, Metrics]
    main: str
    settings: Sequence[tuple[str, str]]
    players: Sequence[tuple[str, str, str]]
    """Roles, who plays them in a word, and the rest of the description."""
    panels: Sequence[Drawn]
    transcripts: Transcripts


@dataclass(frozen=True, slots=True)
class Learnt:
    """One training run as the template shows it."""

    name: str
    said: Sequence[str]
    panels: Sequence[Drawn]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Summary:
    """A table above everything else, with sentences over it: what all runs of a page come to together."""

    name: str
    said: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def load_runs(paths: str | Path | Sequence[str | Path]) -> list[Evaluation | Training]:
    """What is kept at ``paths``: files of episodes, run folders (of evaluations or training), or folders of these."""
    runs: list[Evaluation | Training] = []
    places: list[Path] = []
    for path in map(Path, [paths] if isinstance(paths, str | os.PathLike) else paths):
        inner = sorted({file.parent for file in path.glob("*/*.jsonl")}) if path.is_dir() else []
        for place in inner if inner and not any(path.glob("*.jsonl")) else [path]:
            runs.append(load_training(place) or Evaluation.load(place))
            places.append(place)
    counts = Counter(run.name for run in runs)
    return [
        replace(run, name=f"{run.name} ({clean_text(place.stem)})") if counts[run.name] > 1 else run
        for run, place in zip(runs, places, strict=True)
    ]


def write_report(
    runs: Sequence[Evaluation | Training],
    out: str | Path,
    *,
    heading: str = "Oversight report",
    limit: int | None = None,
    summaries: Sequence[Summary] = (),
) -> tuple[Path, list[Path]]:
    """Writes the page to ``out`` and each run's pictures beside it; returns the page's path and the pictures'.

    Pictures are PNG and SVG files named after page, number and run, as ``report-1-debate-on-stories.png``: pages in one
    folder don't overwrite one another's. Of each evaluation the page holds the first ``limit`` transcripts (None: all).
    """
    _check(runs, heading, limit)
    out = regular_file(out)
    names = [f"{out.stem}-{number}-{_file_name(run.name)}" for number, run in enumerate(runs, start=1)]
    files = [[regular_file(out.with_name(f"{name}.{form}")) for form in ("png", "svg")] for name in names]
    make_folder(out.parent)
    write_whole(out, render_report(runs, heading=heading, limit=limit, summaries=summaries))
    written = []
    for run, (png, svg) in zip(runs, files, strict=True):
        if shown := _panels(run):
            png.write_bytes(draw(shown))
            svg.write_bytes(draw(shown, form="svg"))
            written += [png, svg]
    return out, written


def render_report(
    runs: Sequence[Evaluation | Training],
    *,
    heading: str = "Oversight report",
    limit: int | None = None,
    summaries: Sequence[Summary] = (),
) -> str:
    """The page as text."""
    _check(runs, heading, limit)
    evaluations = [run for run in runs if isinstance(run, Evaluation)]
    sections = [_section(number, run, limit) for number, run in enumerate(evaluations, start=1)]
    learnt = [_learnt(run) for run in runs if isinstance(run, Training)]
    compared = [] if summaries else pairs(evaluations)  # what is summed up together are different measurements
    return _rendered(heading=heading, summaries=summaries, sections=sections, learnt=learnt, pairs=compared)


def _check(runs: Sequence[Evaluation | Training], heading: str, limit: int | None) -> None:
    if isinstance(runs, Evaluation | Training | str) or not isinstance(runs, Iterable):
        raise TypeError(f"runs={runs!r:.80}: give a list of them, as load_runs([path]) does")
    for run in runs:
        if not isinstance(run, Evaluation | Training):
            raise TypeError(f"runs holds {run!r:.80}: give evaluations, or what load_runs([path]) finds")
    if not isinstance(heading, str):
        raise TypeError(f"heading={heading!r:.80}: give a text")
    if limit is not None:
        at_least("limit", limit, 0)


def frame_record(record: Record) -> str:
    """One episode for a notebook."""
    return _frame(_rendered(heading=record.question.id, episode=article(page(record))))


def frame_evaluation(evaluation: Evaluation) -> str:
    """An evaluation for a notebook: its report with the first few transcripts."""
    section = _section(1, evaluation, 5, packed=False)
    return _frame(_rendered(heading=evaluation.name or evaluation.main, sections=[section]))


def _frame(text: str) -> str:
    """A page inside another, which it can't reach: a frame of its own in which no script runs."""
    style = "width: 100%; height: 34rem; border: 0; resize: vertical"
    return f'<iframe sandbox srcdoc="{escape(text)}" style="{style}"></iframe>'


def _rendered(
    *,
    heading: str,
    summaries: Sequence[Summary] = (),
    sections: Sequence[Section] = (),
    learnt: Sequence[Learnt] = (),
    pairs: Sequence[Pair] = (),
    episode: Element | None = None,
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
    environment.globals |= {"title": title, "sorts": SORTS, "per_page": PER_PAGE}
    template = environment.get_template("report.html")
    return template.render(
        heading=heading, summaries=summaries, sections=sections, learnt=learnt, pairs=pairs, episode=episode
    )


def _learnt(training: Training) -> Learnt:
    return Learnt(
        name=training.name,
        said=training.sentences(),
        panels=_drawn(training),
        headings=list(training.columns),
        rows=[training.cells(row) for row in training.rows],
    )


def _section(number: int, evaluation: Evaluation, limit: int | None, *, packed: bool = True) -> Section:
    record = evaluation.conditions[evaluation.main][0]
    return Section(
        number=number,
        name=evaluation.name or evaluation.main,
        said=sentences(evaluation),
        metrics=evaluation.metrics,
        main=evaluation.main,
        settings=_settings(evaluation, record),
        players=_players(record.players),
        panels=_drawn(evaluation),
        transcripts=_transcripts(number, evaluation, limit, packed=packed),
    )


def _transcripts(number: int, evaluation: Evaluation, limit: int | None, *, packed: bool) -> Transcripts:
    records = evaluation.conditions[evaluation.main]
    shown = records if limit is None else records[:limit]
    others = {
        name: truth_probabilities(evaluation.conditions[name]) for name in BASELINES if name in evaluation.conditions
    }
    others.pop(evaluation.main, None)
    rows: list[Page] = []
    first: list[Element] = []
    passages: dict[str, int] = {}

    def articles() -> Iterable[Any]:
        for place, record in enumerate(shown):
            shown_page = page(record, others)
            made = article(shown_page, f"e{number}-{place + 1}")
            rows.append(replace(shown_page, steps=(), passage=()))
            if place < PER_PAGE:
                first.append(made)
            passage = record.question.passage
            yield [passages.setdefault(passage, len(passages)) if passage else None, to_plain(made)]

    episodes = pack(articles())
    tags = {tag for row in rows for tag in row.tags}
    index: dict[str, Any] = {
        "tags": [" ".join(row.tags) for row in rows],
        **{name: [_rounded(getattr(row, name)) for row in rows] for name in _KEYS},
    }
    return Transcripts(
        first=first,
        count=len(shown),
        left_out=len(records) - len(shown),
        filters={tag: label for tag, label in FILTERS.items() if tag in tags} if packed else {},
        index=pack([index]) if packed else (),
        episodes=episodes if packed else (),
        passages=pack(passages) if packed else (),
    )


_KEYS = sorted({key.split()[0] for key in SORTS if key})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _settings(evaluation: Evaluation, record: Record) -> list[tuple[str, str]]:
    """How the main condition was played: by its records, and what its folder says beside them."""
    settings, libraries = (evaluation.about.get(key, {}) for key in ("settings", "libraries"))
    task, imported = settings.get("task"), settings.get("imported")
    imported = imported if isinstance(imported, Mapping) else {}
    details = {key: value for key, value in task.items() if key != "name"} if isinstance(task, Mapping) else {}
    found = {
        "game": record.protocol,
        "options": _listed(record.config),
        "task": f"{record.task} ({_listed(details)})" if details else record.task,
        "questions": len({played.question.id for played in evaluation.conditions[evaluation.main]}),
        "samples": settings.get("samples"),
        "sides": settings.get("sides"),
        "seed": settings.get("seed"),
        "reward": re.sub(r"^oversight_envs\..*:", "", record.rule or ""),
        "versions": _listed(libraries) if isinstance(libraries, Mapping) else "",
        **{name: _listed(of) for name, of in imported.items() if isinstance(of, Mapping)},
    }
    return [(name, _described(value)) for name, value in found.items() if value not in (None, "")]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {_described(value)}" for key, value in values.items() if value not in (None, "", {}))


def _players(players: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Roles that are played alike stand together."""
    roles: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for role, player in players.items():
        full = _described(player)
        roles.setdefault(full, []).append(role)
        words[full] = player_name(player) or "–"
    return [(", ".join(names), words[full], full.removeprefix(words[full])) for full, names in roles.items()]


def _described(value: Any) -> str:
    """A description on one line: names first, nested settings in brackets."""
    if isinstance(value, Mapping):
        inner = _listed({key: found for key, found in value.items() if key not in ("type", FINGERPRINT)})
        kind = str(value.get("type", ""))
        return f"{kind} ({inner})" if kind and inner else kind or inner
    if isinstance(value, list | tuple):
        return ", ".join(map(_described, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else "–" if value is None else str(value)


def _panels(run: Evaluation | Training) -> list[Paint]:
    return panels(run) if isinstance(run, Evaluation) else run.panels()


def _drawn(run: Evaluation | Training) -> list[Drawn]:
    def drawn(panel: Paint, dark: bool) -> str:
        return base64.b64encode(draw([panel], dark=dark, dpi=110)).decode()

    return [Drawn(drawn(panel, False), drawn(panel, True)) for panel in _panels(run)]


def _file_name(name: str) -> str:
    """A run's name in letters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "run"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
