"""Checks of arguments: each raises ValueError with a message that names the argument, its value and the fix."""

from __future__ import annotations

import json
import math
from numbers import Integral, Real
from typing import Any


def one_of(argument: str, value: object, allowed: tuple[object, ...]) -> None:
    """``value`` must be one of ``allowed``; True is not taken for 1, nor 1 for True."""
    if not any(value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed):
        raise ValueError(f"{argument}={value!r}: choose one of {', '.join(map(repr, allowed))}")


def at_least(argument: str, value: object, least: int) -> None:
    """``value`` must be a whole number (NumPy's too, no bool) of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{argument}={value!r}: give a whole number of at least {least}")


def whole(argument: str, value: object) -> int:
    """``value`` as an int; it must be a whole number (NumPy's too, no bool): a seed, say."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{argument}={value!r:.80}: give a whole number")
    return int(value)


def storable(argument: str, value: Any) -> None:
    """``value`` must be JSON values: a record has to be written when the game is over, and read again."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        why = "it has a lone surrogate" if isinstance(error, UnicodeEncodeError) else str(error)
        raise ValueError(
            f"{argument} can't be stored ({why}): give JSON values (text, finite numbers, lists, dicts): {value!r:.200}"
        ) from None


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def positive(argument: str, value: float) -> None:
    """``value`` must be a finite number above 0."""
    if not _number(value) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"{argument}={value!r}: give a number above 0")


def not_negative(argument: str, value: float) -> None:
    """``value`` must be a finite number of at least 0."""
    if not _number(value) or not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{argument}={value!r}: give a number of at least 0")
