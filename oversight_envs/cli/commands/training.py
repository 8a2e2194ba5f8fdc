"""Commands that train."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from oversight_envs.cli.errors import reports_errors
from oversight_envs.cli.screen import stdout

train = typer.Typer(help="Train the players of a published game, with tiny models, on a CPU.", no_args_is_help=True)

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
