"""A tournament from a cast, its table, and what is kept of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs._files import write_whole
from oversight_envs.cli.cast import Cast
from oversight_envs.cli.costs import Limits
from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.fitting import fitter
from oversight_envs.cli.progress import progress
from oversight_envs.cli.runs import command_line, kept
from oversight_envs.cli.screen import stdout
from oversight_envs.core.players import describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record_json import as_json
from oversight_envs.env.render import written
from oversight_envs.evaluation import Estimate, Ratings, elo, rate
from oversight_envs.evaluation.ratings import RIGHT
from oversight_envs.models.api import without_secrets
from oversight_envs.play import Pairing, tournament
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.tournament import Schedule, Seats, check_agents, two_sides
from oversight_envs.report.ratings import draw_ratings

SUMMARY, PICTURE = "ratings.json", "ratings.png"
_NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<spec>.+)", re.DOTALL)


def run_tournament(
    game: Protocol,
    task: Task,
    cast: Cast,
    *,
    questions: int,
    samples: int,
    schedule: Schedule,
    rounds: int | None,
    seats: Seats,
    self_play: bool,
    out: Path,
    seed: int,
    concurrency: int,
    reuse: bool | None,
    on_failure: OnFailure,
    about: Mapping[str, Any],
    limits: Limits,
) -> tuple[list[Pairing], Ratings]:
    """Plays the tournament of the cast's agents, rates them, and keeps ``ratings.json`` and a picture beside the games.

    ``cast.agents`` are ``SPEC`` or ``NAME=SPEC``. Ctrl-C says what is kept and how to go on.
    """
    roles, specs = two_sides(game), agent_specs(cast.agents)
    chosen: Sequence[Question] = task.sample(questions, seed=seed)
    agents, others = _players(game, task, cast, specs, chosen)
    limits.apply([*agents.values(), *others.values()], out, concurrency)
    fit = fitter([(game, {**others, **dict.fromkeys(roles, agent)}) for agent in agents.values()])
    try:
        with progress(stdout()) as tell:
            played = tournament(
                game,
                task,
                agents,
                others,
                out=out,
                questions=chosen if fit is None else [fit(question) for question in chosen],
                samples=samples,
                schedule=schedule,
                rounds=rounds,
                seats=seats,
                self_play=self_play,
                seed=seed,
                concurrency=concurrency,
                reuse=reuse,
                on_failure=on_failure,
                on_record=lambda name, done, total: tell("tournament", done, total, name),
            )
    except KeyboardInterrupt:
        raise Stopped(f"{kept(out)} finished episodes are kept in {out}; to go on: {command_line()}") from None
    ratings = rate(played, seed=seed)
    settings = {
        "protocol": game.name,
        "config": game.config,
        "task": {"name": task.name, "split": task.split, **about},
        "questions": questions,
        "samples": samples,
        "schedule": schedule,
        "rounds": rounds,
        "seats": seats,
        "self_play": self_play,
        "seed": seed,
        "agents": {name: describe_player(agent) for name, agent in agents.items()},
        "players": {role: describe_player(player) for role, player in others.items()},
    }
    summary = {"settings": settings, "pairings": [dict(pairing.seats) for pairing in played], **asdict(ratings)}
    write_whole(out / SUMMARY, json.dumps(as_json(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    if find_spec("matplotlib") is not None:  # of another extra
        (out / PICTURE).write_bytes(draw_ratings(ratings))
    return played, ratings


def agent_specs(given: Sequence[str]) -> dict[str, str]:
    """Name -> spec of each ``--agent``; one that is not named is called by its spec, without secrets of an address."""
    specs: dict[str, str] = {}
    for text in given:
        match = _NAMED.fullmatch(text)
        name, spec = (match["name"], match["spec"]) if match else (without_secrets(text), text)
        if name in specs:
            raise ValueError(f"--agent {name}: is given twice; give each agent once, and its own name: NAME=SPEC")
        specs[name] = spec
    check_agents(specs)  # before a model is loaded
    return specs


def _players(
    game: Protocol, task: Task, cast: Cast, specs: Mapping[str, str], questions: Sequence[Question]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The agents by name, and who plays the other roles. Specs are made players by the cast, each once."""
    roles = two_sides(game)
    agents, others = {}, {}
    for name, spec in specs.items():
        if spec == "human":
            raise ValueError(f"--agent {name}: a person would play every game of a tournament; give models or scripts")
        made = replace(cast, agents=[f"{role}={spec}" for role in roles]).players(game, task, questions)
        agents[name] = made[roles[0]]
        others = {role: player for role, player in made.items() if role not in roles}
    return agents, others


def show_ratings(console: Console, title: str, ratings: Ratings) -> None:
    """Prints the agents, the best first, and what sides were worth, with 95% intervals."""
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    mirrored = any(rating.self_play_accuracy.value is not None for rating in ratings.agents.values())
    columns = ("agent", "Elo", "won", "arguing right", "arguing wrong", "judge right")
    for place, column in enumerate((*columns, "in self-play") if mirrored else columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=place in (1, 2))
    for name, rating in ratings.agents.items():
        shares = [rating.wins_right, rating.wins_wrong, rating.judge_accuracy]
        shares += [rating.self_play_accuracy] if mirrored else []
        table.add_row(
            Text(written(name)),
            _elo(rating.rating) + ("*" if name in ratings.unbounded else ""),
            rating.wins.text("percent"),
            *("undefined" if found.value is None else f"{found.value:.0%}" for found in shares),
        )
    console.print(table)
    for of, worth in ratings.advantages.items():
        if worth.value is not None:
            doing = "arguing for" if of == RIGHT else "playing"
            console.print(f"• {doing} {of} is worth {_elo(worth)} Elo")
    games = sum(rating.games for rating in ratings.agents.values()) // 2
    unfinished = f", {ratings.unfinished} without a result" if ratings.unfinished else ""
    console.print(f"• {games} games between agents, {ratings.ties} ties{unfinished}; intervals are 95%, over questions")
    if ratings.unbounded:
        console.print("• * won or lost all that matters: only the prior bounds this rating (docs/tournaments.md)")


def _elo(estimate: Estimate) -> str:
    scaled = elo(estimate)
    if scaled.value is None:
        return "undefined"
    interval = scaled.interval
    return f"{round(scaled.value):+d}" + (f" [{round(interval[0]):+d}, {round(interval[1]):+d}]" if interval else "")
