"""Options that several commands take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from oversight_envs.cli.errors import DEBUG

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
Concurrency = Annotated[
    int, typer.Option(min=1, help="Episodes in flight, and calls at once of a model behind a server.")
]
Cache = Annotated[bool, typer.Option(help="Keep answers of models behind servers in the folder.")]
MaxCost = Annotated[float | None, typer.Option(help="Dollars that this command may spend at servers.")]
Prices = Annotated[Path | None, typer.Option(help="A table of prices (TOML), as docs/servers.md has it.")]


def on_failure() -> Literal["raise", "record"]:
    """Failed episodes are recorded; whoever looks for a fault wants its traceback."""
    return "raise" if os.environ.get(DEBUG) else "record"
