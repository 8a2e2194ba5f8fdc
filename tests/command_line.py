"""The command line as the tests call it: scripted players and an oracle, no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from oversight_envs.cli import app

SAID = "I say so: <quote>the kettle was blue</quote> <quote>it was green</quote>"


DRY = ["--agent", f"scripted:{SAID}", "--judge", "oracle"]


PASSAGE = "All agree that the kettle was blue. [bold]Nobody[/bold] had asked the cook."


def call(*args: str, code: int = 0, stdin: str | None = None) -> Any:
    result = CliRunner().invoke(app, list(args), input=stdin, env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


def fails(*args: str, says: str) -> None:
    """Exit code 2, one line, which says what is wrong."""
    result = call(*args, code=2)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert says in lines[0], lines[0]


def on(data: Path) -> list[str]:
    return ["--task", "jsonl", "--task-option", f"path={data}"]
