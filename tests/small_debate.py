"""The debate recipe's run in small."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "questions": 24,
    "epochs": 1,
    "held_out": 12,
    "batch": 6,
    "samples": 2,
    "evaluations": 2,
    "checkpoint_every": 1,
}
