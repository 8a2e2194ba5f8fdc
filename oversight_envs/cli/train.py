"""Training commands: the recipes with the tiny models, watched on a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.options import parse_options
from oversight_envs.cli.runs import command_line
from oversight_envs.report.curves import Training, load_training

Report = Callable[[int, str], None]
"""Called after each step with the number of steps done and what to say of them."""


def train_debate(console: Console, out: Path, *, seed: int, given: Sequence[str]) -> Training:
    """Self-play debate on stories; ``given`` are ``key=value`` fields of ``DebateConfig``."""
    from oversight_envs.training.recipes.debate.run import DebateConfig
    from oversight_envs.training.recipes.debate.tiny import TUNED, tiny_debate

    run = tiny_debate(out, seed=seed, **_settings(DebateConfig, TUNED, given))

    def play(report: Report) -> None:
        run.run(lambda step, seen: report(step, f"judge right {seen['debate/judge_accuracy']:.0%}"))

    return _train(console, out, "debate", run.config.steps, play)


def train_prover_verifier(console: Console, out: Path, *, seed: int, given: Sequence[str]) -> Training:
    """Rounds of the prover-verifier game on sums; ``given`` are ``key=value`` fields of ``ProverVerifierConfig``."""
    from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig
    from oversight_envs.training.recipes.prover_verifier.tiny import TUNED, tiny_prover_verifier

    run = tiny_prover_verifier(out, seed=seed, **_settings(ProverVerifierConfig, TUNED, given))

    def play(report: Report) -> None:
        run.run(lambda done: report(done.step, f"round {done.round}, {done.stage}"))

    return _train(console, out, "prover_verifier", run.config.steps, play)


def _train(console: Console, out: Path, name: str, steps: int, play: Callable[[Report], None]) -> Training:
    import torch

    from oversight_envs.training import CheckpointError

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
            task = bar.add_task(name, total=steps)
            play(lambda done, said: bar.update(task, completed=done, description=f"{name}: {said}"))
    except KeyboardInterrupt:
        raise Stopped(f"what is done is kept in {out}; to go on: {command_line()}") from None
    except CheckpointError as error:
        raise ValueError(str(error)) from error
    finally:
        torch.set_num_threads(threads)
    training = load_training(out)
    assert training is not None
    return training


def show_training(console: Console, training: Training) -> None:
    """Prints what was measured on the way, with 95% intervals, and what it says in sentences."""
    table = Table(title=Text(training.name), title_justify="left", title_style="bold")
    for heading in training.columns:
        table.add_column(heading, justify="right")
    for row in training.rows:
        table.add_row(*(Text(cell) for cell in training.cells(row)))
    console.print(table)
    for sentence in training.sentences():
        console.print(Text(f"• {sentence}"))


def _settings(config: type, tuned: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """``key=value`` texts as fields of ``config``; ``ppo.learning_rate`` is a field of the field ``ppo``."""
    hints = get_type_hints(config)
    kinds: dict[str, Any] = {}
    for field in fields(config):
        kind = hints[field.name]
        if is_dataclass(kind):
            inner = get_type_hints(kind)
            named = {part.name: inner[part.name] for part in fields(kind)}
            kinds |= {f"{field.name}.{n}": k for n, k in named.items() if get_origin(k) is not Mapping}
        elif field.name != "seed":
            kinds[field.name] = kind
    settings: dict[str, Any] = {}
    for key, value in parse_options("--set", "this run", given, kinds).items():
        name, dot, part = key.partition(".")
        if dot:
            nested = settings.get(name, tuned[name])
            settings[name] = replace(nested, **{part: value})
        else:
            settings[name] = value
    return settings
