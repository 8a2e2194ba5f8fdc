"""The wording of the games: text templates in TOML files, one for each protocol, beside this module.

A protocol's ``wording`` option names one of them or a TOML file of the user's own; entries that a file leaves out are
those of the protocol's own wording, so a variant holds only what it changes.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path


@lru_cache(maxsize=64)
def load_wording(default: str, wording: str | None = None) -> dict[str, str]:
    """Template name -> template. Raises ValueError for an unknown wording, a malformed file or an unknown entry."""
    templates = _parse(files(__package__).joinpath(f"{default}.toml").read_text("utf-8"), default)
    if wording is None or wording == default:
        return templates
    packaged = files(__package__).joinpath(f"{wording}.toml")
    if packaged.is_file():
        text = packaged.read_text("utf-8")
    elif Path(wording).is_file():
        text = Path(wording).read_text("utf-8")
    else:
        raise ValueError(f"wording={wording!r}: no such wording; give the path of a TOML file, or None for the default")
    changes = _parse(text, wording)
    if unknown := set(changes) - set(templates):
        raise ValueError(f"wording={wording!r}: unknown entries {sorted(unknown)}; {default} has {sorted(templates)}")
    return templates | changes


def _parse(text: str, where: str) -> dict[str, str]:
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"wording {where!r} is not TOML: {error}") from error
    for name, template in entries.items():
        if not isinstance(template, str):
            raise ValueError(f"wording {where!r}: entry {name!r} must be a string, not {template!r}")
    return entries
