"""Running an evaluation from a cast, so that it can be stopped and gone on with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oversight_envs.cli.cast import Cast
from oversight_envs.cli.costs import NO_LIMITS, Limits
from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.fitting import fitter
from oversight_envs.cli.progress import progress
from oversight_envs.cli.screen import stdout
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.usage import Usage
from oversight_envs.evaluation.evaluate import Evaluation, estimate_evaluation, evaluate, sensible_baselines
from oversight_envs.models.api import without_secrets
from oversight_envs.play import RayEngine
from oversight_envs.play.sides import Sides


def run_evaluation(
    protocol: Protocol,
    task: Task,
    cast: Cast,
    *,
    questions: int | Sequence[Question],
    out: Path,
    samples: int = 1,
    sides: Sides = "drawn",
    baselines: Sequence[str] | None = None,
    seed: int = 0,
    reward: str | None = None,
    concurrency: int = 32,
    reuse: bool | None = None,
    engine: RayEngine | None = None,
    about: Mapping[str, Any] | None = None,
    limits: Limits = NO_LIMITS,
) -> Evaluation:
    """``evaluation.evaluate`` with the cast's players; Ctrl-C says what is kept and how to go on."""
    chosen = task.sample(questions, seed=seed) if isinstance(questions, int) else questions
    players = cast.players(protocol, task, chosen)
    limits.apply(players.values(), out)
    games: list[tuple[Protocol, Mapping[str, Any]]] = [(protocol, players)]
    judges = [name for name, role in protocol.roles.items() if "decide" in role.does]
    if len(judges) == 1 and baselines != ():  # the judge reads passages too, as the expert baseline
        games += [(game, {"judge_0": players[judges[0]]}) for game in sensible_baselines(protocol, chosen).values()]
    fit = fitter(games)
    try:
        with progress(stdout()) as tell:
            return evaluate(
                protocol,
                task,
                players,
                questions=[fit(question) if fit else question for question in chosen],
                seed=seed,
                out=out,
                baselines=baselines,
                samples=samples,
                sides=sides,
                reward=reward,
                concurrency=concurrency,
                reuse=reuse,
                engine=engine,
                about=about,
                on_record=lambda name, done, total: tell(name, done, total, ""),
            )
    except KeyboardInterrupt:
        raise Stopped(f"{kept(out)} finished episodes are kept in {out}; to go on: {command_line()}") from None


def dry_run_evaluation(
    protocol: Protocol,
    task: Task,
    cast: Cast,
    *,
    questions: int,
    samples: int,
    sides: Sides,
    baselines: Sequence[str] | None,
    seed: int,
) -> dict[str, Usage]:
    """Condition -> what ``run_evaluation`` would take of models behind servers, if nothing of it were stored."""
    chosen = task.sample(questions, seed=seed)
    players = cast.players(protocol, task, chosen)
    return estimate_evaluation(
        protocol, task, players, questions=chosen, samples=samples, sides=sides, baselines=baselines, seed=seed
    )


def kept(folder: Path) -> int:
    """How many finished episodes a folder holds."""
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*.jsonl"))


def command_line() -> str:
    """This command, as it can be given again; without the secrets of addresses in it."""
    return shlex.join([Path(sys.argv[0]).name, *map(without_secrets, sys.argv[1:])])
