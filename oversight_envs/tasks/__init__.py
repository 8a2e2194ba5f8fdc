"""Tasks: sets of questions that games are about. ``make_task("stories", split="test")`` makes one by name.

| name | questions | marks free text |
|---|---|---|
| ``passages`` | twelve short embedded passages with four-option questions, in QuALITY's format | no |
| ``quality`` | QuALITY articles from a file or from the official release | no |
| ``gsm8k`` | GSM8K word problems from a file or from the hub | yes |
| ``jsonl`` | your own questions, one a line | where questions have no options |
| ``csv`` | your own questions from a table: ``from_csv`` | where questions have no options |
| ``hub`` | questions of a data set of the Hugging Face hub: ``from_hub`` | where questions have no options |
| ``stories`` | endless procedural stories: where was the kettle on day 7? | no |
| ``arithmetic`` | endless procedural word problems or bare chains, with written solutions | yes |
| ``nested_sums`` | endless sums that split into smaller ones | yes, and each part |

Your own questions also come from a list, ``ListTask(rows)``: see ``lists.py`` for all three.
``final_answer`` reads the answer of a solution that ends in one.

A task's module is imported when the task is made, so that naming one costs nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from oversight_envs.core.question import Task
from oversight_envs.tasks.final_answers import final_answer
from oversight_envs.tasks.lists import ListTask, from_csv, from_hub

__all__ = ["ListTask", "final_answer", "find_task", "from_csv", "from_hub", "make_task", "task_names"]

_TASKS = {
    "passages": "oversight_envs.tasks.passages:Passages",
    "quality": "oversight_envs.tasks.quality:Quality",
    "gsm8k": "oversight_envs.tasks.gsm8k:GSM8K",
    "jsonl": "oversight_envs.tasks.jsonl:JSONL",
    "csv": "oversight_envs.tasks.lists:from_csv",
    "hub": "oversight_envs.tasks.lists:from_hub",
    "stories": "oversight_envs.tasks.stories:Stories",
    "arithmetic": "oversight_envs.tasks.arithmetic:Arithmetic",
    "nested_sums": "oversight_envs.tasks.nested_sums:NestedSums",
}


def task_names() -> tuple[str, ...]:
    """The names that ``make_task`` knows."""
    return tuple(_TASKS)


def find_task(name: str) -> Callable[..., Task]:
    """What makes the task called ``name`` (see ``task_names()``), or your own, named ``"package.module:Class"``."""
    target = _TASKS.get(name, name)
    if ":" not in target:
        close = get_close_matches(name, _TASKS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"no task is called {name!r}: {hint}The names are {', '.join(_TASKS)}; "
            "your own task is 'package.module:Class'"
        )
    module, _, attribute = target.partition(":")
    make: Callable[..., Task] = getattr(import_module(module), attribute)
    return make


def make_task(name: str, **options: Any) -> Task:
    """The task called ``name``, made with its options; TypeError, listing the right ones, for a wrong option."""
    make = find_task(name)
    signature = inspect.signature(make)
    try:
        signature.bind(**options)
    except TypeError as error:
        known = ", ".join(str(option.replace(annotation=option.empty)) for option in signature.parameters.values())
        raise TypeError(f"task {name!r}: {error}; its options are {known}") from None
    task = make(**options)
    if not isinstance(task, Task):
        raise TypeError(f"task {name!r} makes a {type(task).__name__}, not a Task")
    return task
