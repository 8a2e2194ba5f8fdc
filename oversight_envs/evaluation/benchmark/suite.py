"""The suites that models are put through: plain data, all of it. What is played is decided here and nowhere else.

A suite never changes once profiles were made under its name: what is to be played otherwise is a suite of another name.
``digest`` is kept in each profile, so that one which was changed all the same is found.

In a part one role is the model's, and everybody else is fixed (``fixed.py``, or a model that comes along). A part has
variants, because the tiny models know the words of one wording only: the first variant is played whose words the model
knows. Two variants on one task are the same questions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Literal

Role = Literal["debater", "judge", "prover", "verifier"]
ROLES: tuple[Role, ...] = ("debater", "judge", "prover", "verifier")
SIZES = ("quick", "full")
MODEL = "the model"
"""Who plays a seat of a part, where it is nobody of the suite's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Questions and wording. ``file`` is the task's option that takes a path, where the user has to give one."""

    task: str
    options: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None
    wording: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one role is measured by: a game on a number of questions, or (``stress``) the stress test of a judge."""

    name: str
    role: Role
    questions: int
    variants: tuple[Variant, ...]
    game: str
    config: Mapping[str, Any] = field(default_factory=dict)
    players: Mapping[str, str] = field(default_factory=dict)
    """Role of the game -> who plays it: ``MODEL``, a name of ``fixed.py``, or a model."""
    sides: Literal["drawn", "both"] = "drawn"
    baselines: tuple[str, ...] = ()
    stress: bool = False
    max_new_tokens: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """All parts of one size, and what they share."""

    name: str
    size: str
    seed: int
    temperature: float
    parts: tuple[Part, ...]

    @property
    def digest(self) -> str:
        """Of all that the suite says."""
        return blake2b(json.dumps(asdict(self), sort_keys=True).encode(), digest_size=8).hexdigest()


_STORIES = (
    Variant(task="stories", options={"split": "test"}),
    Variant(task="stories", options={"split": "test"}, wording="tiny_debate"),
)
_PASSAGES = (Variant(task="passages"),)
_QUALITY = (Variant(task="quality", file="quality"),)
_SUMS = (
    Variant(task="arithmetic", options={"split": "test"}),
    Variant(task="arithmetic", options={"split": "test", "style": "chain"}, wording="tiny_prover_verifier"),
)
_GSM8K = (Variant(task="gsm8k", file="gsm8k"),)

_READER = {"debater_0": MODEL, "debater_1": "plain claim", "judge_0": "story reader"}
_SMALL_JUDGE = {"debater_0": MODEL, "debater_1": "nearest quote", "judge_0": "smollm2-135m"}
_BEST_LINES = {"debater_0": "best line", "debater_1": "best line", "judge_0": MODEL}
_NEAREST = {"debater_0": "nearest quote", "debater_1": "nearest quote", "judge_0": MODEL}
_PROVERS = {"helpful_0": MODEL, "sneaky_0": MODEL, "verifier_0": "step checker"}
_WRITTEN = {"helpful_0": "worked solution", "sneaky_0": "planted error", "verifier_0": MODEL}


def _debater(name: str, variants: tuple[Variant, ...], players: Mapping[str, str], questions: int) -> Part:
    return Part(
        name=f"debater on {name}",
        role="debater",
        game="debate",
        config={"both_orders": True, "max_words": 100},
        variants=variants,
        players=players,
        sides="both",
        questions=questions,
    )


def _judge(
    name: str,
    variants: tuple[Variant, ...],
    players: Mapping[str, str],
    questions: int,
    baselines: tuple[str, ...] = ("blind", "expert"),
) -> Part:
    return Part(
        name=f"judge on {name}",
        role="judge",
        game="debate",
        config={"both_orders": True},
        variants=variants,
        players=players,
        baselines=baselines,
        questions=questions,
    )


def _stress(name: str, variants: tuple[Variant, ...], questions: int) -> Part:
    return Part(
        name=f"judge's stress test on {name}",
        role="judge",
        game="debate",
        variants=variants,
        stress=True,
        questions=questions,
    )


def _solutions(
    role: Role, name: str, variants: tuple[Variant, ...], players: Mapping[str, str], questions: int, tokens: int = 128
) -> Part:
    return Part(
        name=f"{role} on {name}",
        role=role,
        game="prover_verifier",
        variants=variants,
        players=players,
        questions=questions,
        max_new_tokens=tokens,
    )


_QUICK = (
    _debater("stories", _STORIES, _READER, 16),
    _debater("passages", _PASSAGES, _SMALL_JUDGE, 8),
    _judge("stories", _STORIES, _BEST_LINES, 24, ("blind",)),
    _judge("passages", _PASSAGES, _NEAREST, 12, ("blind",)),
    _stress("stories", _STORIES, 4),
    _solutions("prover", "sums", _SUMS, _PROVERS, 16),
    _solutions("verifier", "sums", _SUMS, _WRITTEN, 48),
)
"""What a model of 135M parameters plays on one slow core in some minutes."""

_FULL = (
    _debater("stories", _STORIES, _READER, 200),
    _debater("QuALITY", _QUALITY, _SMALL_JUDGE, 100),
    _judge("stories", _STORIES, _BEST_LINES, 200),
    _judge("QuALITY", _QUALITY, _NEAREST, 100),
    _stress("stories", _STORIES, 48),
    _stress("QuALITY", _QUALITY, 24),
    _solutions("prover", "sums", _SUMS, _PROVERS, 200),
    _solutions("prover", "GSM8K", _GSM8K, _PROVERS, 200, 256),
    _solutions("verifier", "sums", _SUMS, _WRITTEN, 200),
    _solutions("verifier", "GSM8K", _GSM8K, _WRITTEN, 200),
)

SUITES: Mapping[str, Mapping[str, Suite]] = {
    "oversight-v0": {
        size: Suite(name="oversight-v0", size=size, seed=0, temperature=0.7, parts=parts)
        for size, parts in (("quick", _QUICK), ("full", _FULL))
    }
}
"""Name -> size -> suite."""
