"""Errors as one clear line: bad input exits with 2, Ctrl-C with 130, and neither shows a traceback.

A run in which episodes failed, which goes to its end all the same, exits with 3.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import typer

from oversight_envs.cli.screen import stderr
from oversight_envs.core.episode import ReplayError
from oversight_envs.core.players import PlayerError
from oversight_envs.play import StoreError

P = ParamSpec("P")

FAILED = 3
"""The exit code of a run in which episodes failed: the same command plays what is missing or failed."""

DEBUG = "OVERSIGHT_ENVS_DEBUG"
"""Set this variable to see the traceback behind a message, and behind the first episode that fails."""

_EXPECTED = (ValueError, OSError, ImportError, ArithmeticError, MemoryError, PlayerError, StoreError, ReplayError)

_EXTRAS = {
    "openai": "api",
    "aiohttp": "api",
    "torch": "models",
    "transformers": "models",
    "gguf": "models",
    "scipy": "evaluation",
    "sklearn": "evaluation",
    "jinja2": "report",
    "matplotlib": "report",
    "ray": "ray",
}
"""Package -> the extra that brings it."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, with what is to be said about what is kept and how to go on."""


def reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turns what can go wrong for a user's reasons into one line on stderr and an exit code; bugs pass through."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            say(f"stopped{f': {stop}' if str(stop) else ''}")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at exit complains again
            raise typer.Exit(1) from None
        except _EXPECTED as error:
            if os.environ.get(DEBUG):
                raise
            say(f"error: {_text(error)}")
            raise typer.Exit(2) from None

    return run


def say(line: str) -> None:
    """One line on stderr, as it is: no wrapping."""
    stderr().print(line, soft_wrap=True, style="bold red")


def show_warning(otherwise: Callable[..., None]) -> Callable[..., None]:
    """A ``warnings.showwarning`` that gives this library's warnings as one line, others to ``otherwise``."""
    ours = str(Path(__file__).parents[1])

    def show(message: Warning | str, category: type[Warning], filename: str, *place: Any, **more: Any) -> None:
        if category is UserWarning and Path(filename).is_relative_to(ours):
            stderr().print(f"warning: {' '.join(str(message).split())}", soft_wrap=True, style="yellow")
        else:
            otherwise(message, category, filename, *place, **more)

    return show


def _text(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, ModuleNotFoundError) and (extra := _EXTRAS.get((error.name or "").partition(".")[0])):
        text = f"this needs the package {error.name!r}: pip install 'oversight-envs[{extra}]'"
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__
