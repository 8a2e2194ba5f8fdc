"""Commands that put judges and models to the test."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from oversight_envs.cli.commands.parameters import (
    Cache,
    Concurrency,
    MaxCost,
    Options,
    Prices,
    Seed,
    TaskName,
    TaskOptions,
    on_failure,
)
from oversight_envs.cli.errors import FAILED, reports_errors
from oversight_envs.cli.screen import stdout


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
    concurrency: Concurrency = 32,
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
        on_failure=on_failure(),
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
    found = tested.run(folder, reuse=reuse, concurrency=concurrency, on_failure=on_failure(), limits=limits)
    show_stress_test(stdout(), f"{spec} on {source.name}", found)
    show_usage(stdout(), {"stress test": found.usage}, prices)
    stdout().print(f"\nresult: {folder}")
    if show_failed_games(stdout(), found):
        raise typer.Exit(FAILED)


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
        on_failure=on_failure(),
        limits=Limits(prices, max_cost, cache),
    )
    profiles.show_profile(stdout(), profile)
    show_usage(stdout(), profile.usage, prices)
    stdout().print(f"\nprofile: {folder / 'profile.json'}   page: {folder / profiles.PAGE}", soft_wrap=True)
    if profiles.show_without_result(stdout(), profile):
        raise typer.Exit(FAILED)


@reports_errors
def benchmark_compare(
    paths: Annotated[list[Path], typer.Argument(metavar="A B...", help="Profiles: files, or folders of benchmark.")],
    seed: Annotated[int, typer.Option(min=0, help="Decides the draws behind intervals.")] = 0,
) -> None:
    """Compare profiles with the first of them, question by question: docs/benchmark.md."""
    from oversight_envs.cli.benchmark import load_profiles, show_compared

    show_compared(stdout(), load_profiles(paths), seed=seed)
