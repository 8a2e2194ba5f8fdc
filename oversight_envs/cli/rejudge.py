"""A saved run judged by another judge, into a folder of its own, and set beside the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from oversight_envs._files import make_folder
from oversight_envs.agents import SpeakingJudge
from oversight_envs.agents.specs import make_marker, make_player
from oversight_envs.cli.costs import NO_LIMITS, Limits
from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.options import parse_options
from oversight_envs.cli.progress import progress
from oversight_envs.cli.runs import command_line, kept
from oversight_envs.cli.screen import stdout
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record
from oversight_envs.evaluation.evaluate import BASELINES, Evaluation, sensible_baselines
from oversight_envs.models.api import without_secrets
from oversight_envs.play import ReplayAgent, rejudge
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.replay import RecordedTask
from oversight_envs.play.store import file_name
from oversight_envs.protocols import find_protocol


def rejudge_all(run: Path, judges: Sequence[str], out: Path, **how: Any) -> dict[Path, Evaluation]:
    """Folder -> the run as each of ``judges`` judges it: ``out`` for one of them, a folder each in it for several."""
    if len(judges) == 1:
        return {out: rejudge_run(run, judges[0], out, **how)}
    places: dict[Path, str] = {}
    for judge in judges:
        place = out / file_name(without_secrets(judge))
        if place in places:
            raise ValueError(f"--judge {judge} is given twice")
        places[place] = judge
    return {place: rejudge_run(run, judge, place, **how) for place, judge in places.items()}


def rejudge_run(
    run: Path,
    judge: str,
    out: Path,
    *,
    options: Sequence[str] = (),
    task: Task | None = None,
    concurrency: int = 32,
    reuse: bool | None = None,
    on_failure: OnFailure = "raise",
    limits: Limits = NO_LIMITS,
) -> Evaluation:
    """Every condition of a run, judged by ``judge`` and kept in the folder ``out``; the same call goes on with it.

    ``options`` change the game that is judged; the baselines are then those of the changed game.
    """
    before = Evaluation.load(run)
    if out.resolve() in (run.resolve(), run.resolve().parent):
        raise ValueError(f"--out {out}: the run itself lies there; give another folder")
    others = sorted(file.name for file in out.glob("*.jsonl") if file.stem not in before.conditions)
    if others:
        raise ValueError(f"--out {out}: there is another run here ({others[0]}); give another folder")
    games = _games(before, options)
    made: dict[tuple[bool, str], Any] = {}
    jobs = []
    for name, records in before.conditions.items():
        source = RecordedTask(records) if task is None else task
        jobs.append((name, list(records), games[name], source, _judges(games[name], records, source, judge, made)))
    make_folder(out)
    limits.apply([player for *_, players in jobs for player in players.values()], out, concurrency)
    try:
        with progress(stdout()) as tell:
            for name, records, game, source, players in jobs:
                rejudge(
                    records,
                    game,
                    source,
                    players,
                    path=out / f"{name}.jsonl",
                    reuse=reuse,
                    concurrency=concurrency,
                    on_failure=on_failure,
                    on_record=lambda _, done, total, name=name: tell(name, done, total, ""),  # type: ignore[misc]
                )
    except KeyboardInterrupt:
        raise Stopped(f"{kept(out)} finished episodes are kept in {out}; to go on: {command_line()}") from None
    return Evaluation.load(out)


def _games(run: Evaluation, options: Sequence[str]) -> dict[str, Protocol]:
    """Condition -> its game, the main one's with other options where they are given."""
    games: dict[str, Protocol] = {}
    for name, records in run.conditions.items():
        cls, config = find_protocol(records[0].protocol), dict(records[0].config)
        games[name] = cls(**config)
        if name not in BASELINES or len(run.conditions) == 1:
            hints = get_type_hints(cls)
            known = {field.name: hints[field.name] for field in fields(cls) if field.init}
            games[name] = cls(**{**config, **parse_options("--option", cls.name, options, known)})
    if options and run.main not in BASELINES:
        questions = [record.question for record in run.conditions[run.main]]
        games |= {name: game for name, game in sensible_baselines(games[run.main], questions).items() if name in games}
    return games


def _judges(
    game: Protocol, records: Sequence[Record], task: Task, spec: str, made: dict[tuple[bool, str], Any]
) -> Mapping[str, Any]:
    """Who decides or scores, by role. A judge that also asks asks what was asked."""
    players: dict[str, Any] = {}
    for name, role in game.roles.items():
        if not role.judges:
            continue
        scores = "score" in role.does
        if spec == "human":
            marker = make_player(spec, role)
        elif spec == "oracle":  # it knows these questions only
            marker = make_marker(spec, scores=scores, knows=(task, [record.question for record in records]))
        else:
            if (scores, spec) not in made:
                try:
                    made[scores, spec] = make_marker(spec, scores=scores)
                except ValueError as error:
                    raise ValueError(f"--judge {spec}: {error}") from error
            marker = made[scores, spec]
        players[name] = SpeakingJudge(ReplayAgent(records), marker) if role.speaks else marker
    if not players:
        raise ValueError(f"nobody decides or scores in {game.name}, so there is nothing to judge anew")
    return players
