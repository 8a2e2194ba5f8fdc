"""Options of frozen dataclasses as plain values, as records and checkpoints keep them."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

import numpy as np


def make_plain(options: Any) -> None:
    """Turns NumPy's numbers and paths among the fields of a frozen dataclass into Python's: both are what is meant."""
    for option in fields(options):
        value = getattr(options, option.name) if option.init else None
        if isinstance(value, np.generic):
            object.__setattr__(options, option.name, value.item())
        elif isinstance(value, os.PathLike):
            object.__setattr__(options, option.name, os.fspath(value))
