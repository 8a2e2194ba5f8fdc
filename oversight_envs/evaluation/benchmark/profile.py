"""A model's profile: what came out of a suite, as a value and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oversight_envs._files import regular_file
from oversight_envs.core.record_json import as_json
from oversight_envs.core.usage import Usage, usage_from_json
from oversight_envs.evaluation.benchmark.measures import Measure

VERSION = 1
"""Of the JSON."""
FILE = "profile.json"
"""In a run's folder."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one part came to. ``left_out``: why it was not played. ``stopped``: why it was not played to its end."""

    role: str
    left_out: str | None = None
    stopped: str | None = None
    played: Mapping[str, Any] = field(default_factory=dict)
    """Task, game, options, sides, seed, how many questions, a digest of them, how many passages were cut to fit."""
    players: Mapping[str, Any] = field(default_factory=dict)
    """Role -> who played it, with the fingerprint of what it is."""
    games: int = 0
    without_result: Mapping[str, int] = field(default_factory=dict)
    """Why games came to no result, and how many did; they are in no measure."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    broken: Sequence[str] = ()
    """What the stress test found that no fair judge does."""
    took: Mapping[str, float] = field(default_factory=dict)
    """Seconds by the clock (``wall_s``) and of the processors (``cpu_s``), all runs on the folder together."""
    usage: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        if self.left_out is not None:
            return {"role": self.role, "left_out": self.left_out}
        content = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("left_out", "measures")
        }
        measured = {name: measure.to_json() for name, measure in self.measures.items()}
        return {**as_json(content), "measures": measured}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        found = {name: Measure.from_json(measure) for name, measure in data.get("measures", {}).items()}
        return cls(**{**data, "measures": found})


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A model in a suite. ``models`` are the names by which it was given, by role."""

    suite: str
    size: str
    digest: str
    models: Mapping[str, str]
    parts: Mapping[str, Result]
    libraries: Mapping[str, str]

    @property
    def name(self) -> str:
        return " + ".join(dict.fromkeys(self.models.values()))

    @property
    def usage(self) -> dict[str, Usage]:
        """Part -> what it took of models behind servers; nothing where none played."""
        return {name: usage_from_json(result.usage) for name, result in self.parts.items() if result.usage}

    def to_json(self) -> str:
        parts = {name: result.to_json() for name, result in self.parts.items()}
        content = {"version": VERSION, **asdict(self), "parts": parts}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """The profile in a file, or in a run's folder. Raises ValueError for a file that is none."""
        path = Path(path) / FILE if Path(path).is_dir() else Path(path)
        try:
            data = json.loads(regular_file(path).read_text(encoding="utf-8"))
            if data.pop("version") != VERSION:
                raise ValueError(f"its version is not {VERSION}")
            parts = {name: Result.from_json(part) for name, part in data.pop("parts").items()}
            return cls(parts=parts, **data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} is no profile that `oversight-envs benchmark` wrote ({error})") from error
