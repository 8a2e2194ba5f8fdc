"""The commands and their options. What they do is in the modules beside this one."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from oversight_envs.cli.cast import DEFAULT_MODEL, Cast
from oversight_envs.cli.errors import DEBUG, FAILED, reports_errors, show_warning
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
Cache = Annotated[bool, typer.Option(help="Keep answers of models behind servers in the folder.")]
MaxCost = Annotated[float | None, typer.Option(help="Dollars that this command may spend at servers.")]
Prices = Annotated[Path | None, typer.Option(help="A table of prices (TOML), as docs/servers.md has it.")]

DEFAULT_TASKS = dict.fromkeys(("prover_verifier", "critique", "proposer_critic"), "arithmetic") | {
    "recursive_debate": "nested_sums"
}


def _on_failure() -> Literal["raise", "record"]:
    """Failed episodes are recorded; whoever looks for a fault wants its traceback."""
    return "raise" if os.environ.get(DEBUG) else "record"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oversight-envs {version('oversight-envs')}")
        raise typer.Exit


@app.command("list")
@reports_errors
def list_(
    verbose: Annotated[bool, typer.Option("--verbose", help="Each game with its roles, rewards and options.")] = False,
) -> None:
    """Show the games, tasks, judges and players there are."""
    from oversight_envs.cli.catalogue import show_catalogue

    show_catalogue(stdout(), verbose=verbose)


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
        on_failure=_on_failure(),
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
    from oversight_envs.cli.options import build_protocol, build_task
    from oversight_envs.cli.tournament import run_tournament, show_ratings
    from oversight_envs.core.usage import summed_by_role

    game = build_protocol(env, option or [])
    source, values = build_task(task or DEFAULT_TASKS.get(game.name, "passages"), task_option or [])
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
        on_failure=_on_failure(),
        about=values,
        limits=Limits(prices, max_cost, cache),
    )
    show_ratings(stdout(), f"{game.name} on {source.name}", ratings)
    usage = summed_by_role(record.usage for pairing in played for record in pairing.records)
    show_usage(stdout(), {"tournament": usage}, prices)
    stdout().print(f"\nresults: {folder} (ratings.json, ratings.png, games in a file for each seating)", soft_wrap=True)
    if any(record.failed is not None for pairing in played for record in pairing.records):
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


@app.command("stress-judge")
@reports_errors
def stress_judge(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The judge or verifier: a model, KIND:MODEL or oracle.")],
    task: TaskName = None,
    task_option: TaskOptions = None,
    option: Options = None,
    questions: Annotated[int, typer.Option(min=1, help="How many questions.")] = 24,
    out: Annotated[Path | None, typer.Option(help="Folder for the result. [default: runs/stress-judge-TASK]")] = None,
    seed: Seed = 0,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Games in flight, and calls at once of a model behind a server.")
    ] = 128,
    reuse: Annotated[bool | None, typer.Option("--reuse/--fresh", help="As of evaluate.", show_default=False)] = None,
    cache: Cache = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many calls, tokens and dollars.")] = False,
    max_cost: MaxCost = None,
    prices: Prices = None,
) -> None:
    """Put a judge of debates, or a verifier, through scripted flattery, fake verdicts, forged quotes and the like.

    Shows how far each moves its log-odds, with 95% intervals, and how often its verdict. On a task without options
    (arithmetic) it is a verifier that is tested. Games are kept as they end; the same command goes on where it was
    stopped. Where it failed, the exit status is 3.
    """
    from oversight_envs.cli.costs import Limits, show_usage
    from oversight_envs.cli.options import build_task
    from oversight_envs.cli.stress import Tested, show_failed_games, show_stress_test

    source, _ = build_task(task or "passages", task_option or [])
    folder = out or Path("runs") / f"stress-judge-{source.name}"
    tested = Tested(spec, option or [], source, questions, seed)
    if dry_run:
        show_usage(stdout(), {"stress test": tested.expected()}, prices, estimated=True)
        return
    limits = Limits(prices, max_cost, cache)
    found = tested.run(folder, reuse=reuse, concurrency=concurrency, on_failure=_on_failure(), limits=limits)
    show_stress_test(stdout(), f"{spec} on {source.name}", found)
    show_usage(stdout(), {"stress test": found.usage}, prices)
    stdout().print(f"\nresult: {folder}")
    if show_failed_games(stdout(), found):
        raise typer.Exit(FAILED)


@app.command()
@reports_errors
def benchmark(
    spec: Annotated[str | None, typer.Argument(metavar="SPEC", help="Whose profile: a model, in every role.")] = None,
    debater: Annotated[str | None, typer.Option(help="Who debates. [default: SPEC]")] = None,
    judge: Annotated[
        str | None, typer.Option(help="Who judges: a model, KIND:MODEL or oracle. [default: SPEC]")
    ] = None,
    prover: Annotated[str | None, typer.Option(help="Who writes solutions. [default: SPEC]")] = None,
    verifier: Annotated[str | None, typer.Option(help="Who marks them. [default: SPEC]")] = None,
    size: Annotated[Literal["quick", "full"], typer.Option(help="quick needs no files.")] = "quick",
    quality: Annotated[Path | None, typer.Option(help="QuALITY file, for full.")] = None,
    gsm8k: Annotated[Path | None, typer.Option(help="GSM8K file, for full.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder. [default: runs/benchmark-SIZE-SPEC]")] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Games in flight, and calls at once of a model behind a server.")
    ] = 32,
    reuse: Annotated[bool | None, typer.Option("--reuse/--fresh", help="As of evaluate.", show_default=False)] = None,
    cache: Cache = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many games, and calls, tokens and dollars of servers.")
    ] = False,
    max_cost: MaxCost = None,
    prices: Prices = None,
) -> None:
    """Put a model through a fixed suite, as debater, judge, prover and verifier: docs/benchmark.md.

    Writes profile.json and a page. Games are kept as they end; the same command goes on where it was stopped. Where
    games came to no result, the exit status is 3.
    """
    from oversight_envs.cli import benchmark as profiles
    from oversight_envs.cli.costs import Limits, show_usage

    specs = profiles.role_specs(spec, {"debater": debater, "judge": judge, "prover": prover, "verifier": verifier})
    suite, parts = profiles.planned_suite(size, specs, quality, gsm8k)
    if dry_run:
        show_usage(stdout(), profiles.show_plan(stdout(), suite, parts), prices, estimated=True)
        return
    folder = out or profiles.default_folder(suite, specs)
    profile = profiles.run_benchmark(
        suite,
        parts,
        specs,
        out=folder,
        reuse=reuse,
        concurrency=concurrency,
        on_failure=_on_failure(),
        limits=Limits(prices, max_cost, cache),
    )
    profiles.show_profile(stdout(), profile)
    show_usage(stdout(), profile.usage, prices)
    stdout().print(f"\nprofile: {folder / 'profile.json'}   page: {folder / profiles.PAGE}", soft_wrap=True)
    if profiles.show_without_result(stdout(), profile):
        raise typer.Exit(FAILED)


@app.command("benchmark-compare")
@reports_errors
def benchmark_compare(
    paths: Annotated[list[Path], typer.Argument(metavar="A B...", help="Profiles: files, or folders of benchmark.")],
    seed: Annotated[int, typer.Option(min=0, help="Decides the draws behind intervals.")] = 0,
) -> None:
    """Compare profiles with the first of them, question by question: docs/benchmark.md."""
    from oversight_envs.cli.benchmark import load_profiles, show_compared

    show_compared(stdout(), load_profiles(paths), seed=seed)


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


@train.command("weak-to-strong")
@reports_errors
def train_weak_to_strong(
    out: Annotated[Path, typer.Option(help="Folder for the run.")] = Path("runs/train-weak-to-strong"),
    seed: TrainSeed = 0,
    setting: Setting = None,
) -> None:
    """A weak judge, with and without debates to read, labels stories for a strong model; three minutes.


    The same command goes on where it was stopped. Real models: examples/train_smollm2.py.
    """
    _train("weak_to_strong", out, seed, setting)


def _train(recipe: str, out: Path, seed: int, setting: list[str] | None) -> None:
    from oversight_envs.cli.train import TrainingRun, show_training, train

    for training in train(stdout(), [TrainingRun(recipe, out, seed, setting or [])]):
        show_training(stdout(), training)
    stdout().print(f"\nrun: {out}   page: oversight-envs report {shlex.quote(str(out))}")


@app.command()
@reports_errors
def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Run folders or files of episodes (.jsonl).")],
    parting: Annotated[int, typer.Option(min=0, help="How many of the questions on which they differ to list.")] = 5,
    transcripts: Annotated[int, typer.Option(min=0, help="Show the games on so many of these questions.")] = 0,
    prices: Prices = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the draws behind intervals and p-values.")] = 0,
) -> None:
    """Compare runs, or the conditions of one run, on the questions that they share: docs/comparing.md."""
    from oversight_envs.cli.compare import show_comparison
    from oversight_envs.evaluation.comparison import Comparison

    comparison = Comparison.load(paths, seed=seed)
    show_comparison(stdout(), comparison, prices=prices, parting=parting, transcripts=transcripts)


@app.command()
@reports_errors
def rejudge(
    run: Annotated[Path, typer.Argument(help="A run folder or a file of episodes (.jsonl).")],
    judge: Annotated[
        list[str],
        typer.Option(
            "--judge", "--verifier", help="Who decides or marks: a model, KIND:MODEL, human or oracle; repeatable."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder for the episodes as they are judged now; of several judges a folder each in it."),
    ],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="key=value of the game, as show=verified or wording=my.toml; repeatable."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="What marks free-text answers. [default: marks as recorded]")
    ] = None,
    task_option: TaskOptions = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Episodes in flight, and calls at once of a model behind a server.")
    ] = 32,
    reuse: Annotated[
        bool | None,
        typer.Option(
            "--reuse/--fresh", help="Take stored episodes for this judge's, or judge anew.", show_default=False
        ),
    ] = None,
    cache: Cache = True,
    max_cost: MaxCost = None,
    prices: Prices = None,
) -> None:
    """Judge saved episodes by other judges, wording or display of quotes; no speaker is called.

    Episodes are kept as they end; the same command goes on where it was stopped.
    """
    from oversight_envs.cli.compare import show_comparison
    from oversight_envs.cli.costs import Limits, show_usage
    from oversight_envs.cli.options import build_task
    from oversight_envs.cli.rejudge import rejudge_all
    from oversight_envs.cli.table import show_evaluation, show_failures
    from oversight_envs.evaluation.comparison import Comparison
    from oversight_envs.evaluation.evaluate import Evaluation

    results = rejudge_all(
        run,
        judge,
        out,
        options=option or [],
        task=None if task is None else build_task(task, task_option or [])[0],
        concurrency=concurrency,
        reuse=reuse,
        on_failure=_on_failure(),
        limits=Limits(prices, max_cost, cache),
    )
    before = Evaluation.load(run)
    decided = [found.metrics[found.main].decisions for found in (before, *results.values())]
    if all(decisions is not None for decisions in decided):
        show_comparison(stdout(), Comparison.load([run, *results]), prices=prices)
    else:  # games that are scored, and runs in which no judge came to a decision
        for result in results.values():
            show_evaluation(stdout(), result)
    failed = 0
    for folder, result in results.items():
        show_usage(stdout(), {name: result.usage(name) for name in result.conditions}, prices)
        stdout().print(f"\nresults: {folder}   page: oversight-envs report {shlex.quote(str(folder))}")
        failed += show_failures(stdout(), result, folder)
    if failed:
        raise typer.Exit(FAILED)


@app.command("import")
@reports_errors
def import_(
    kind: Annotated[
        str,
        typer.Argument(
            help="llm_debate (Khan et al.), nyu_debate_modeling (Arnesen et al.), julianmichael_debate (Michael et "
            "al.) or dc_debates (DC-Debates)."
        ),
    ],
    file: Annotated[Path, typer.Argument(help="The file, or but for llm_debate a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the episodes, a file for each way in which they were played.")],
    passages: Annotated[
        list[Path] | None, typer.Option(help="QuALITY file with the stories that the file leaves out; repeatable.")
    ] = None,
    without_passage: Annotated[
        bool, typer.Option("--without-passage", help="Take questions without their story; no quote is checked.")
    ] = False,
) -> None:
    """Read public debate transcripts: to be shown, compared and judged again (docs/comparing.md)."""
    from oversight_envs._files import make_folder, write_whole
    from oversight_envs.core.checks import one_of
    from oversight_envs.importers import IMPORTERS, quality_stories

    one_of("KIND", kind, tuple(IMPORTERS))
    if any(out.glob("*.jsonl")):
        raise ValueError(f"--out {out}: there are episodes here already; give another folder")
    stories = {key: text for path in passages or [] for key, text in quality_stories(path).items()}
    found = IMPORTERS[kind](file, passages=stories, without_passage=without_passage)
    make_folder(out)
    for name, records in found.conditions.items():
        write_whole(out / f"{name}.jsonl", "".join(record.to_json() + "\n" for record in records))
        judged = sum(record.decision is not None for record in records)
        stdout().print(f"{out / name}.jsonl: {len(records)} episodes, {judged} of them judged", soft_wrap=True)
    for why, count in found.left_out.items():
        stdout().print(f"left out: {count} transcripts ({why})")
    for what, count in found.missing.items():
        stdout().print(f"missing from {count} episodes, which can't hold it: {what}")


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
    warnings.showwarning = show_warning(warnings.showwarning)
    app()
