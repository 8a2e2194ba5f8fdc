"""Options behind a model's name: ``NAME?KEY=VALUE&KEY=VALUE``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl


def read_options(written: str) -> dict[str, Any] | None:
    """What stands behind the ``?``; None where that is no list of options.

    Values are JSON where they can be read so (``false``, ``2``), else texts.
    """
    try:
        pairs = parse_qsl(written, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return None
    if not pairs or len(dict(pairs)) < len(pairs) or not all(key.isidentifier() for key, _ in pairs):
        return None
    return {key: _value(text) for key, text in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)
