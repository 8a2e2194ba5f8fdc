"""Checks of arguments: each raises ValueError with a message that names the argument, its value and the fix."""

from __future__ import annotations

import math
from numbers import Integral


def one_of(argument: str, value: object, allowed: tuple[object, ...]) -> None:
    """``value`` must be one of ``allowed``; True is not taken for 1, nor False for 0."""
    if value not in allowed or (isinstance(value, bool) and not any(isinstance(a, bool) for a in allowed)):
        raise ValueError(f"{argument}={value!r}: choose one of {', '.join(map(repr, allowed))}")


def at_least(argument: str, value: object, least: int) -> None:
    """``value`` must be a whole number (NumPy's too, no bool) of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{argument}={value!r}: give a whole number of at least {least}")


def positive(argument: str, value: float) -> None:
    """``value`` must be a finite number above 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{argument}={value!r}: give a number above 0")


def not_negative(argument: str, value: float) -> None:
    """``value`` must be a finite number of at least 0."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{argument}={value!r}: give a number of at least 0")
