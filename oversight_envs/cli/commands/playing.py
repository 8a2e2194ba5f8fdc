"""Commands that play games."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from oversight_envs.cli.cast import DEFAULT_MODEL, Cast
from oversight_envs.cli.commands.parameters import (
    Agents,
    BestOf,
    Cache,
    Concurrency,
    Env,
    JudgeSpec,
    MaxCost,
    MaxNewTokens,
    Model,
    Options,
    Prices,
    Reward,
    Seed,
    TaskName,
    TaskOptions,
    Temperature,
    on_failure,
)
from oversight_envs.cli.errors import FAILED, reports_errors
from oversight_envs.cli.screen import stdout

if TYPE_CHECKING:
    from oversight_envs.core.protocol import Protocol
    from oversight_envs.core.question import Task

DEFAULT_TASKS = dict.fromkeys(("prover_verifier", "critique", "proposer_critic"), "arithmetic") | {
    "recursive_debate": "nested_sums"
}


@reports_errors
def list_(
    verbose: Annotated[bool, typer.Option("--verbose", help="Each game with its roles, rewards and options.")] = False,
) -> None:
    """Show the games, tasks, judges and players there are."""
    from oversight_envs.cli.catalogue import show_catalogue

    show_catalogue(stdout(), verbose=verbose)


@reports_errors
def play(
    env: Env,
    task: TaskName = None,
    task_option: TaskOptions = None,
    option: Options = None,
    model: Model = DEFAULT_MODEL,
    agent: Agents = None,
    judge: JudgeSpec = None,
    human: Annotated[list[str] | None, typer.Option(help="A role that you play at the keyboard; repeatable.")] = None,
    question: Annotated[str | None, typer.Option(help="Id or index. [default: drawn by the seed]")] = None,
    seed: Seed = 0,
    reward: Reward = None,
    max_new_tokens: MaxNewTokens = None,
    temperature: Temperature = 0.7,
    best_of: BestOf = 1,
) -> None:
    """Play one episode, shown turn by turn."""
    from oversight_envs.cli.fitting import fitter
    from oversight_envs.cli.play import find_question
    from oversight_envs.cli.play import play as play_one

    game, questions, _ = _chosen(env, option, task, task_option, reward)
    asked = find_question(questions, question, seed)
    cast = Cast(model, agent or [], judge, human or [], max_new_tokens, temperature, best_of)
    players = cast.players(game, questions, [asked])
    fit = fitter([(game, players)])
    people = [role for role, player in players.items() if getattr(player, "description", {}).get("type") == "human"]
    shown = fit(asked) if fit else asked
    play_one(stdout(), game, questions, shown, players, seed=seed, reward=reward, humans=people)


@reports_errors
def evaluate(
    env: Env,
    task: TaskName = None,
    task_option: TaskOptions = None,
    option: Options = None,
    model: Model = DEFAULT_MODEL,
    agent: Agents = None,
    judge: JudgeSpec = None,
    questions: Annotated[int, typer.Option(min=1, help="How many questions.")] = 24,
    samples: Annotated[int, typer.Option(min=1, help="Episodes of the game on each question.")] = 1,
    sides: Annotated[
        Literal["drawn", "both"], typer.Option(help="both: each game also with the sides exchanged.")
    ] = "drawn",
    baselines: Annotated[bool, typer.Option(help="Also judge blind and with the passage.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder for the results. [default: runs/GAME-TASK]")] = None,
    seed: Seed = 0,
    reward: Reward = None,
    max_new_tokens: MaxNewTokens = None,
    temperature: Temperature = 0.7,
    best_of: BestOf = 1,
    concurrency: Concurrency = 32,
    reuse: Annotated[
        bool | None,
        typer.Option(
            "--reuse/--fresh",
            help="Take stored episodes for these players' own, or set them aside and play anew. "
            "[default: use them where game and players are provably the same]",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="ray: play in several processes or machines (docs/cluster.md).")
    ] = None,
    engine_option: Annotated[
        list[str] | None, typer.Option(help="key=value for the engine, as workers=4 or num_gpus=1; repeatable.")
    ] = None,
    cache: Cache = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many calls, tokens and dollars.")] = False,
    max_cost: MaxCost = None,
    prices: Prices = None,
) -> None:
    """Measure a game on a task, beside its judge blind and with the passage.

    Episodes are kept as they end; the same command goes on where it was stopped. Where episodes failed, the rest is
    played, and the exit status is 3: the same command then plays these again.
    """
    from oversight_envs.cli.costs import Limits, show_usage
    from oversight_envs.cli.options import build_engine
    from oversight_envs.cli.runs import dry_run_evaluation, run_evaluation
    from oversight_envs.cli.table import show_evaluation, show_failures

    workers = build_engine(engine, engine_option or [])
    game, source, values = _chosen(env, option, task, task_option, reward)
    cast = Cast(model, agent or [], judge, [], max_new_tokens, temperature, best_of)
    folder = out or Path("runs") / f"{game.name}-{source.name}"
    judged = None if baselines else ()
    if dry_run:
        expected = dry_run_evaluation(
            game, source, cast, questions=questions, samples=samples, sides=sides, baselines=judged, seed=seed
        )
        show_usage(stdout(), expected, prices, estimated=True)
        return
    result = run_evaluation(
        game,
        source,
        cast,
        questions=questions,
        samples=samples,
        sides=sides,
        baselines=judged,
        out=folder,
        seed=seed,
        reward=reward,
        concurrency=concurrency,
        reuse=reuse,
        engine=workers,
        on_failure=on_failure(),
        about=values,
        limits=Limits(prices, max_cost, cache),
    )
    show_evaluation(stdout(), result)
    show_usage(stdout(), {name: result.usage(name) for name in result.conditions}, prices)
    stdout().print(f"\nresults: {folder}   page: oversight-envs report {shlex.quote(str(folder))}")
    if show_failures(stdout(), result, folder):
        raise typer.Exit(FAILED)


@reports_errors
def tournament(
    env: Env,
    agent: Annotated[
        list[str],
        typer.Option(
            "--agent", "--debater", help="Who takes part: a model or scripted:TEXT, or NAME=SPEC; repeatable."
        ),
    ],
    task: TaskName = None,
    task_option: TaskOptions = None,
    option: Options = None,
    judge: JudgeSpec = None,
    questions: Annotated[int, typer.Option(min=1, help="How many questions every pair plays, on both sides.")] = 24,
    samples: Annotated[int, typer.Option(min=1, help="How often a pair plays each question on both sides.")] = 1,
    pairing: Annotated[
        Literal["round-robin", "swiss"], typer.Option(help="Everybody against everybody, or by current standing.")
    ] = "round-robin",
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Of a Swiss tournament. [default: log2 of the agents]")
    ] = None,
    seats: Annotated[
        Literal["alternate", "both"], typer.Option(help="both: a pair also changes seats on every question.")
    ] = "alternate",
    self_play: Annotated[bool, typer.Option("--self-play", help="Each agent also debates itself.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the games. [default: runs/tournament-GAME-TASK]")] = None,
    seed: Seed = 0,
    max_new_tokens: MaxNewTokens = None,
    temperature: Temperature = 0.7,
    best_of: BestOf = 1,
    concurrency: Annotated[int, typer.Option(min=1, help="Episodes of a pair in flight.")] = 32,
    reuse: Annotated[bool | None, typer.Option("--reuse/--fresh", help="As of evaluate.", show_default=False)] = None,
    cache: Cache = True,
    max_cost: MaxCost = None,
    prices: Prices = None,
) -> None:
    """Rate debaters against each other, every pair on the same questions with both assignments of the sides.

    Games are kept as they end; the same command goes on where it was stopped, and one more --agent plays only its own
    games. Where episodes failed, the exit status is 3.
    """
    from oversight_envs.cli.costs import Limits, show_usage
    from oversight_envs.cli.tournament import run_tournament, show_ratings
    from oversight_envs.core.usage import summed_by_role

    game, source, values = _chosen(env, option, task, task_option)
    folder = out or Path("runs") / f"tournament-{game.name}-{source.name}"
    played, ratings = run_tournament(
        game,
        source,
        Cast(DEFAULT_MODEL, agent, judge, [], max_new_tokens, temperature, best_of),
        questions=questions,
        samples=samples,
        schedule=pairing,
        rounds=rounds,
        seats=seats,
        self_play=self_play,
        out=folder,
        seed=seed,
        concurrency=concurrency,
        reuse=reuse,
        on_failure=on_failure(),
        about=values,
        limits=Limits(prices, max_cost, cache),
    )
    show_ratings(stdout(), f"{game.name} on {source.name}", ratings)
    usage = summed_by_role(record.usage for pairing in played for record in pairing.records)
    show_usage(stdout(), {"tournament": usage}, prices)
    stdout().print(f"\nresults: {folder} (ratings.json, ratings.png, games in a file for each seating)", soft_wrap=True)
    if any(record.failed is not None for pairing in played for record in pairing.records):
        raise typer.Exit(FAILED)


@reports_errors
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/demo"),
    model: Model = DEFAULT_MODEL,
) -> None:
    """Play and measure with a small real language model, train tiny ones, report: about four minutes on two cores."""
    from oversight_envs.cli.demo import run_demo

    run_demo(stdout(), out, model)


def _chosen(
    env: str, option: list[str] | None, task: str | None, task_option: list[str] | None, reward: str | None = None
) -> tuple[Protocol, Task, dict[str, Any]]:
    """The game, the task (by default the game's own) and the task's options, all checked, the reward's name too."""
    from oversight_envs.cli.options import build_protocol, build_task
    from oversight_envs.core.rewards import get_rule

    game = build_protocol(env, option or [])
    get_rule(reward, game)
    source, values = build_task(task or DEFAULT_TASKS.get(game.name, "passages"), task_option or [])
    game.check_task(source)
    return game, source, values
