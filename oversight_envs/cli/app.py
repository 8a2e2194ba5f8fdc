"""The commands and their options. What they do is in the modules beside this one."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from oversight_envs.cli.cast import DEFAULT_MODEL, Cast
from oversight_envs.cli.errors import DEBUG, FAILED, reports_errors
from oversight_envs.cli.processors import share_processors
from oversight_envs.cli.screen import stdout

app = typer.Typer(
    name="oversight-envs",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Env = Annotated[str, typer.Argument(help="The game: a name of `list`, or your own as module:Class.")]
TaskName = Annotated[
    str | None, typer.Option("--task", help="Where questions come from (see `list`). [default: the game's own]")
]
TaskOptions = Annotated[
    list[str] | None, typer.Option("--task-option", help="key=value for the task, as path=my.jsonl; repeatable.")
]
Options = Annotated[list[str] | None, typer.Option("--option", help="key=value for the game, as rounds=2; repeatable.")]
Model = Annotated[str, typer.Option(help="Who plays every role that no other option fills.")]
Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agent", "--debater", help="Who speaks: a model, human or scripted:TEXT; ROLE=… for one role; repeatable."
    ),
]
JudgeSpec = Annotated[
    str | None,
    typer.Option("--judge", "--verifier", help="Who decides or marks: a model, KIND:MODEL, human or oracle."),
]
Seed = Annotated[int, typer.Option(help="Decides questions, sides and every random draw.")]
MaxNewTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Longest speech of a model, in tokens. [default: 256, less for a short context]"),
]
Temperature = Annotated[float, typer.Option(min=0.0, help="Of the models' speeches; 0 takes the most probable token.")]
BestOf = Annotated[int, typer.Option(min=1, help="Draw N speeches, keep the one that the judge likes best.")]
Reward = Annotated[str | None, typer.Option(help="Reward rule. [default: the game's own]")]

DEFAULT_TASKS = dict.fromkeys(("prover_verifier", "critique", "proposer_critic"), "arithmetic") | {
    "recursive_debate": "nested_sums"
}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oversight-envs {version('oversight-envs')}")
        raise typer.Exit


@app.command("list")
@reports_errors
def list_() -> None:
    """Show the games, tasks, judges and players there are."""
    from oversight_envs.cli.catalogue import show_catalogue

    show_catalogue(stdout())


@app.command()
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
    from oversight_envs.cli.options import build_protocol, build_task
    from oversight_envs.cli.play import find_question
    from oversight_envs.cli.play import play as play_one
    from oversight_envs.core.rewards import get_rule

    game = build_protocol(env, option or [])
    get_rule(reward, game)
    questions, _ = build_task(task or DEFAULT_TASKS.get(game.name, "passages"), task_option or [])
    game.check_task(questions)
    asked = find_question(questions, question, seed)
    cast = Cast(model, agent or [], judge, human or [], max_new_tokens, temperature, best_of)
    players = cast.players(game, questions, [asked])
    fit = fitter([(game, players)])
    people = [role for role, player in players.items() if getattr(player, "description", {}).get("type") == "human"]
    shown = fit(asked) if fit else asked
    play_one(stdout(), game, questions, shown, players, seed=seed, reward=reward, humans=people)


@app.command()
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
    concurrency: Annotated[
        int, typer.Option(min=1, help="Episodes in flight, and calls at once of a model behind a server.")
    ] = 32,
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
    cache: Annotated[bool, typer.Option(help="Keep answers of models behind servers in the folder.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many calls, tokens and dollars.")] = False,
    max_cost: Annotated[float | None, typer.Option(help="Dollars that this command may spend at servers.")] = None,
    prices: Annotated[Path | None, typer.Option(help="A table of prices (TOML), as docs/servers.md has it.")] = None,
) -> None:
    """Measure a game on a task, beside its judge blind and with the passage.

    Episodes are kept as they end; the same command goes on where it was stopped. Where episodes failed, the rest is
    played, and the exit status is 3: the same command then plays these again.
    """
    from oversight_envs.cli.costs import Limits, show_usage
    from oversight_envs.cli.options import build_engine, build_protocol, build_task
    from oversight_envs.cli.runs import dry_run_evaluation, run_evaluation
    from oversight_envs.cli.table import show_evaluation, show_failures
    from oversight_envs.core.rewards import get_rule

    game = build_protocol(env, option or [])
    get_rule(reward, game)
    workers = build_engine(engine, engine_option or [])
    source, values = build_task(task or DEFAULT_TASKS.get(game.name, "passages"), task_option or [])
    game.check_task(source)
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
        on_failure="raise" if os.environ.get(DEBUG) else "record",
        about=values,
        limits=Limits(prices, max_cost, cache),
    )
    show_evaluation(stdout(), result)
    show_usage(stdout(), {name: result.usage(name) for name in result.conditions}, prices)
    stdout().print(f"\nresults: {folder}   page: oversight-envs report {shlex.quote(str(folder))}")
    if show_failures(stdout(), result, folder):
        raise typer.Exit(FAILED)


@app.command()
@reports_errors
def report(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Run folders or files of episodes (.jsonl).")],
    out: Annotated[Path | None, typer.Option(help="The page. [default: report.html in the first folder]")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most transcripts of one game in the page. [default: all]")
    ] = None,
) -> None:
    """Make a page of results, differences and transcripts; its pictures beside it, as PNG and SVG."""
    from oversight_envs.report.report import load_runs, write_report

    first = paths[0] if paths[0].is_dir() else paths[0].parent
    page, pictures = write_report(load_runs(paths), out or first / "report.html", limit=limit)
    stdout().print("\n".join([f"page: {page}", *(f"picture: {picture}" for picture in pictures)]))


train = typer.Typer(help="Train the players of a published game, with tiny models, on a CPU.", no_args_is_help=True)
app.add_typer(train, name="train")

TrainSeed = Annotated[int, typer.Option(help="Decides questions, first weights and every random draw.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value of the run, as questions=320 or ppo.learning_rate=1e-4; repeatable."),
]


@train.command("debate")
@reports_errors
def train_debate(
    out: Annotated[Path, typer.Option(help="Folder for the run.")] = Path("runs/train-debate"),
    seed: TrainSeed = 0,
    setting: Setting = None,
) -> None:
    """Self-play debate on stories: debaters by PPO, judge and blind judge beside them; about four minutes.

    The same command goes on where it was stopped. Real models: examples/train_smollm2.py.
    """
    _train("debate", out, seed, setting)


@train.command("prover-verifier")
@reports_errors
def train_prover_verifier(
    out: Annotated[Path, typer.Option(help="Folder for the run.")] = Path("runs/train-prover-verifier"),
    seed: TrainSeed = 0,
    setting: Setting = None,
) -> None:
    """Rounds of the prover-verifier game on sums: a fresh verifier, then provers against it; two minutes a round.

    The same command goes on where it was stopped. Real models: examples/train_smollm2.py.
    """
    _train("prover_verifier", out, seed, setting)


def _train(recipe: str, out: Path, seed: int, setting: list[str] | None) -> None:
    from oversight_envs.cli.train import TrainingRun, show_training, train

    for training in train(stdout(), [TrainingRun(recipe, out, seed, setting or [])]):
        show_training(stdout(), training)
    stdout().print(f"\nrun: {out}   page: oversight-envs report {shlex.quote(str(out))}")


@app.command()
@reports_errors
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/demo"),
    model: Model = DEFAULT_MODEL,
) -> None:
    """Play and measure with a small real language model, train tiny ones, report: about four minutes on two cores."""
    from oversight_envs.cli.demo import run_demo

    run_demo(stdout(), out, model)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Scalable-oversight games: AI debate, consultancy, prover-verifier, and their baselines."""


def main() -> None:
    """The entry point."""
    share_processors()
    sys.path.append("")  # a game or task of one's own, module:Class, may lie in the working directory
    log = logging.getLogger("oversight_envs")
    log.addHandler(logging.StreamHandler())
    log.setLevel(logging.INFO)
    app()
