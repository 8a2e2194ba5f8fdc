"""The program: its commands, in the order of its help."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from oversight_envs.cli.commands.judging import benchmark, benchmark_compare, rejudge, stress_judge
from oversight_envs.cli.commands.playing import demo, evaluate, list_, play, tournament
from oversight_envs.cli.commands.reading import compare, import_, report
from oversight_envs.cli.commands.training import train
from oversight_envs.cli.errors import show_warning
from oversight_envs.cli.processors import share_processors

app = typer.Typer(
    name="oversight-envs",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_,
    "play": play,
    "evaluate": evaluate,
    "report": report,
    "compare": compare,
    "rejudge": rejudge,
    "tournament": tournament,
    "stress-judge": stress_judge,
    "benchmark": benchmark,
    "benchmark-compare": benchmark_compare,
    "import": import_,
    "demo": demo,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(train, name="train")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oversight-envs {version('oversight-envs')}")
        raise typer.Exit


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
