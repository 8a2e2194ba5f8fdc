"""The wording of the games: text templates in TOML files, one for each protocol, beside this module.

A protocol's ``wording`` option names one of them or a TOML file of the user's own; entries that a file leaves out are
those of the protocol's own wording, so a variant holds only what it changes.

A wording can speak for several games: a table ``[direct]`` in a debate's file is how direct judgment, the debate's
baseline, is worded under it.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from oversight_envs._files import regular_file


def load_wording(game: str, wording: str | None = None) -> dict[str, str]:
    """Template name -> template. Raises ValueError for an unknown wording, a malformed file or an unknown entry.

    A file of the user's is read each time: it may have been edited.
    """
    templates = _own(_packaged(game))
    if wording is None or wording == game:
        return templates
    changes = own_entries(game, wording)
    if unknown := set(changes) - set(templates):
        raise ValueError(f"wording={wording!r}: unknown entries {sorted(unknown)}; {game} has {sorted(templates)}")
    for name, template in changes.items():
        _check_fields(wording, name, template, templates[name])
    return templates | changes


def own_entries(game: str, wording: str) -> dict[str, str]:
    """The templates for ``game`` that the wording has itself, without those of the game's own that it leaves as is."""
    entries = _read(wording)
    return _own(entries[game] if isinstance(entries.get(game), dict) else entries)


def words_game(wording: str, game: str) -> bool:
    """Whether the wording has a table for ``game``, beside its own entries for another."""
    return isinstance(_read(wording).get(game), dict)


def _read(wording: str) -> dict[str, Any]:
    if wording and files(__package__).joinpath(f"{wording}.toml").is_file():
        return _packaged(wording)
    if wording and regular_file(wording).is_file():
        try:
            return _parse(Path(wording).read_text("utf-8"), wording)
        except UnicodeDecodeError as error:
            raise ValueError(f"wording={wording!r} is not a text in UTF-8: {error}") from error
    raise ValueError(f"wording={wording!r}: no such wording; give the path of a TOML file, or None for the default")


_ALSO = {"cue": {"round", "rounds"}, "judge_ask": {"labels"}, "choose": {"answers"}}
"""Names that are filled in where the package's own template does without them."""
_NEEDED = {"passage", "question", "problem", "own", "solution", "end"}
"""Names that can't be left out: without them a player would not know what it is about."""


def _check_fields(wording: str, name: str, template: str, own: str) -> None:
    """Raises ValueError for a template with other names in braces than are filled in, and for one that lacks them."""
    filled = {field for _, field, _, _ in Formatter().parse(own) if field is not None}
    allowed = filled | _ALSO.get(name, set())
    where = f"wording={wording!r}: entry {name!r}"
    used = set()
    try:
        for _, field, spec, conversion in Formatter().parse(template):
            if field is not None and (field not in allowed or spec or conversion):
                names = ", ".join(f"{{{known}}}" for known in sorted(allowed)) or "none"
                raise ValueError(f"{{{field}}} is not filled in like this; the names are {names}")
            used.add(field)
    except ValueError as error:
        raise ValueError(f"{where}: {error} (a brace that is meant as one is written twice)") from None
    if missing := sorted((filled & _NEEDED) - used):
        raise ValueError(f"{where} lacks {{{missing[0]}}}: without it a player would not know what it is about")


@lru_cache(maxsize=64)
def _packaged(name: str) -> dict[str, Any]:
    return _parse(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"), name)


def _own(entries: dict[str, Any]) -> dict[str, str]:
    """The entries without the tables of other games."""
    return {name: template for name, template in entries.items() if not isinstance(template, dict)}


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"wording {where!r} is not TOML: {error}") from error
    for name, template in (*entries.items(), *(i for t in entries.values() if isinstance(t, dict) for i in t.items())):
        if not isinstance(template, (str, dict)):
            raise ValueError(f"wording {where!r}: entry {name!r} must be a string, not {template!r}")
    return entries
