"""What answers cost: calls of models behind servers and their tokens, by role and model.

A player that has something to say of it returns ``Answer(reply, spent)``; the record keeps the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

COUNTS = ("calls", "repeated", "tokens_in", "tokens_out", "tokens_cached")


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls of one model and what they took.

    ``repeated`` are answers taken from the disk cache: they cost nothing and are in no other number. ``tokens_cached``
    are those of ``tokens_in`` that the server had read before, as it says.
    """

    model: str
    """The model that was asked for."""
    served: str = ""
    """The server's own answer to which model it was."""
    calls: int = 0
    repeated: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply and what it cost: what an asynchronous player may return in place of a reply."""

    reply: Any
    spent: Spent


Usage = Mapping[str, tuple[Spent, ...]]
"""Role -> what it took, a row for each model."""


def summed(rows: Iterable[Spent]) -> tuple[Spent, ...]:
    """One row for each model, in the order of their names: calls that fly together land in any order."""
    total: dict[tuple[str, str], Spent] = {}
    for row in rows:
        known = total.get((row.model, row.served))
        total[row.model, row.served] = row if known is None else _plus(known, row)
    return tuple(total[key] for key in sorted(total))


def summed_by_role(usages: Iterable[Usage]) -> Usage:
    """The usage of many episodes as that of one."""
    rows: dict[str, list[Spent]] = {}
    for usage in usages:
        for role, spent in usage.items():
            rows.setdefault(role, []).extend(spent)
    return {role: summed(spent) for role, spent in rows.items()}


def usage_to_json(usage: Usage) -> dict[str, list[dict[str, Any]]]:
    """As JSON values."""
    return {role: [asdict(row) for row in rows] for role, rows in usage.items()}


def usage_from_json(data: Mapping[str, Any]) -> Usage:
    """What ``usage_to_json`` wrote; raises TypeError for anything else."""
    return {role: tuple([Spent(**row) for row in rows]) for role, rows in data.items()}


def _plus(one: Spent, other: Spent) -> Spent:
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in COUNTS})
