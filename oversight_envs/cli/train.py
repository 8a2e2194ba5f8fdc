"""Training commands: the recipes with the tiny models, watched as they go."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.options import parse_options
from oversight_envs.cli.progress import Tell, progress
from oversight_envs.cli.runs import command_line
from oversight_envs.report.curves import Training, load_training

Report = Callable[[int, str], None]
"""Called after each step with the number of steps done and what to say of them."""


@dataclass(frozen=True)
class TrainingRun:
    """One run of a recipe with the tiny models, as the command line gives it: plain data, for another process too."""

    recipe: str
    """One of ``RECIPES``."""
    out: Path
    seed: int
    given: Sequence[str]
    """``key=value`` fields of the recipe's config."""

    def prepare(self) -> tuple[int, Callable[[Report], None]]:
        """How many steps the run has, and what plays them; raises ValueError for settings that make no sense."""
        return RECIPES[self.recipe](self)


def _debate(run: TrainingRun) -> tuple[int, Callable[[Report], None]]:
    from oversight_envs.training.recipes.debate.config import DebateConfig
    from oversight_envs.training.recipes.debate.tiny import TUNED, tiny_debate

    debate = tiny_debate(run.out, seed=run.seed, **_settings(DebateConfig, TUNED, run.given))

    def play(report: Report) -> None:
        debate.run(lambda step, seen: report(step, f"judge right {seen['debate/judge_accuracy']:.0%}"))

    return debate.config.steps, play


def _prover_verifier(run: TrainingRun) -> tuple[int, Callable[[Report], None]]:
    from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig
    from oversight_envs.training.recipes.prover_verifier.tiny import TUNED, tiny_prover_verifier

    rounds = tiny_prover_verifier(run.out, seed=run.seed, **_settings(ProverVerifierConfig, TUNED, run.given))

    def play(report: Report) -> None:
        rounds.run(lambda done: report(done.step, f"round {done.round}, {done.stage}"))

    return rounds.config.steps, play


def _weak_to_strong(run: TrainingRun) -> tuple[int, Callable[[Report], None]]:
    from oversight_envs.training.recipes.weak_to_strong.config import WeakToStrongConfig
    from oversight_envs.training.recipes.weak_to_strong.tiny import TUNED, tiny_weak_to_strong

    students = tiny_weak_to_strong(run.out, seed=run.seed, **_settings(WeakToStrongConfig, TUNED, run.given))

    def play(report: Report) -> None:
        students.run(lambda step, stage, seen: report(step, f"{stage}, loss {seen['loss']:.2f}"))

    return students.config.steps, play


RECIPES: Mapping[str, Callable[[TrainingRun], tuple[int, Callable[[Report], None]]]] = {
    "debate": _debate,
    "prover_verifier": _prover_verifier,
    "weak_to_strong": _weak_to_strong,
}
"""Recipe -> what prepares a run of it: ``debate`` and ``weak_to_strong`` on stories, ``prover_verifier`` on sums."""


def train(console: Console, runs: Sequence[TrainingRun]) -> list[Training]:
    """Trains, one run in this process or several side by side, each in a process and on a processor of its own.

    Ctrl-C ends all of them and says what is kept; the first error of one ends the others and is raised.
    """
    try:
        with progress(console) as tell:
            if len(runs) == 1:
                _train(runs[0], tell)
            else:
                _side_by_side(runs, tell)
    except KeyboardInterrupt:
        places = " and ".join(str(run.out) for run in runs)
        raise Stopped(f"what is done is kept in {places}; to go on: {command_line()}") from None
    trainings = [load_training(run.out) for run in runs]
    return [training for training in trainings if training is not None]


def _train(run: TrainingRun, tell: Tell) -> None:
    import torch

    from oversight_envs.training import CheckpointError

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    try:
        steps, play = run.prepare()
        play(lambda done, said: tell(run.recipe, done, steps, said))
    except CheckpointError as error:
        raise ValueError(str(error)) from error
    finally:
        torch.set_num_threads(threads)


def _side_by_side(runs: Sequence[TrainingRun], tell: Tell) -> None:
    context = get_context("spawn")
    processes: dict[Connection, SpawnProcess] = {}
    try:
        for run in runs:
            here, there = context.Pipe(duplex=False)
            processes[here] = context.Process(target=_train_apart, args=(run, there), daemon=True)
            processes[here].start()
            there.close()
        open_ends: list[Any] = list(processes)
        while open_ends:
            for end in wait(open_ends):
                assert isinstance(end, Connection)
                try:
                    news = end.recv()
                except EOFError:  # it has ended; one that was killed could not say why
                    open_ends.remove(end)
                    processes[end].join()
                    if code := processes[end].exitcode:
                        raise RuntimeError(f"a process that trained ended with exit code {code}") from None
                    continue
                if isinstance(news, BaseException):
                    raise news
                tell(*news)
    finally:
        for process in processes.values():
            process.terminate()
            process.join()


def _train_apart(run: TrainingRun, there: Connection) -> None:
    """What a process of its own does: trains, and sends its progress, or the error that ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the one that started us ends us
    try:
        _train(run, lambda *news: there.send(news))
    except BrokenPipeError:
        return  # nobody is left to train for
    except Exception as error:
        error.add_note(f"in the process that trained {run.recipe}:\n{traceback.format_exc()}")
        there.send(error)


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
