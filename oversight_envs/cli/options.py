"""``key=value`` options, read as what they are: a game's by its fields' types, a task's by its parameters' types."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from oversight_envs import tasks
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Task
from oversight_envs.protocols import find_protocol

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def build_protocol(name: str, options: Sequence[str]) -> Protocol:
    """The game called ``name`` (``debate``, ``debate_v0``, ``prover-verifier``, or ``package.module:Class``)."""
    cls = find_protocol(name)
    hints = {
        hint: kind
        for hint, kind in get_type_hints(cls).items()
        if hint in {field.name for field in fields(cls) if field.init}
    }
    return cls(**parse_options("--option", name, options, hints))


def build_task(name: str, options: Sequence[str]) -> tuple[Task, dict[str, Any]]:
    """The task called ``name`` with its options, and the options as values."""
    try:
        make = tasks.find_task(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"--task {name}: {error}") from error
    function = make.__init__ if inspect.isclass(make) else make
    parameters = [p for p in inspect.signature(make).parameters if p != "self"]
    known = get_type_hints(function)
    values = parse_options("--task-option", name, options, {p: known.get(p, str) for p in parameters})
    try:
        return tasks.make_task(name, **values), values
    except TypeError as error:
        raise ValueError(f"--task {name}: {error}; give what is missing as --task-option key=value") from error


def parse_options(flag: str, owner: str, given: Sequence[str], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """``key=value`` texts as values of the annotations ``kinds``; ``owner`` is whose they are, for errors."""
    values: dict[str, Any] = {}
    for option in given:
        key, equals, text = option.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise ValueError(f"{flag} {option}: write it as key=value")
        if key not in kinds:
            close = get_close_matches(key, kinds, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            known = ", ".join(kinds) or "none"
            raise ValueError(f"{flag} {option}: {owner} has no option {key!r}; {hint}its options: {known}")
        if key in values:
            raise ValueError(f"{flag} {option}: {key} is given twice")
        try:
            values[key] = parse_value(text, kinds[key])
        except ValueError as error:
            raise ValueError(f"{flag} {key}={text}: {error}") from None
    return values


def parse_value(text: str, kind: Any) -> Any:
    """``text`` as a value of the annotation ``kind``; raises ValueError saying what is wanted."""
    if get_origin(kind) in (Union, types.UnionType):
        kinds = get_args(kind)
        if type(None) in kinds and text.lower() == "none":
            return None
        for candidate in kinds:
            if candidate is not type(None):
                try:
                    return parse_value(text, candidate)
                except ValueError:
                    continue
        raise ValueError("give " + " or ".join(_wanted(k) for k in kinds))
    if get_origin(kind) is tuple:  # of any length, as (int, ...)
        return tuple(parse_value(part.strip(), get_args(kind)[0]) for part in text.split(",") if part.strip())
    if get_origin(kind) is Mapping:
        try:
            if isinstance(value := json.loads(text), dict):
                return value
        except ValueError:
            pass
    elif get_origin(kind) is Literal:
        for choice in get_args(kind):
            if text == str(choice):
                return choice
    elif kind is bool:
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
    elif kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    else:
        return text
    raise ValueError(f"give {_wanted(kind)}")


def _wanted(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is Mapping:
        return """a JSON object, as '{"question": "query"}'"""
    names = {bool: "true or false", int: "a whole number", float: "a number", type(None): "none"}
    return names.get(kind, "a text")
