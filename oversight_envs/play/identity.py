"""What a run is, so that what it stored is used again for the same run only."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from oversight_envs.core.fingerprint import Unidentified, fingerprint
from oversight_envs.core.players import describe_player
from oversight_envs.core.record import Record
from oversight_envs.core.record_json import as_json

FINGERPRINT = "fingerprint"
"""The key, in a player's description, of the digest of what it is; null where none can be had."""


def identity_of(record: Record) -> dict[str, Any]:
    """What two records must share to stand in one file."""
    return {
        "protocol": record.protocol,
        "config": dict(record.config),
        "players": dict(record.players),
        "task": record.task,
        "rule": record.rule,
    }


def identified(players: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Role -> the player's description and its fingerprint. Warns where none can be had."""
    known: dict[int, str | None] = {}
    described = {}
    for role, player in players.items():
        if id(player) not in known:
            try:
                known[id(player)] = fingerprint(player, role)
            except Unidentified as error:
                known[id(player)] = None
                warnings.warn(
                    f"what players[{role!r}] is can't be told ({error}), so its stored episodes won't be used again "
                    "unless you ask for it (reuse=True). Give it an attribute fingerprint: a string that changes "
                    "whenever it plays differently",
                    stacklevel=4,
                )
        described[role] = {**describe_player(player), FINGERPRINT: known[id(player)]}
    return described


def first_difference(found: Any, wanted: Any, where: str = "") -> str | None:
    """Where two configurations differ first, with both values; None where they are the same as JSON."""
    found, wanted = as_json(found), as_json(wanted)
    if found == wanted and not (isinstance(found, bool) ^ isinstance(wanted, bool)):
        return None
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            place = f"{where}.{key}" if where else str(key)
            if key not in found or key not in wanted:
                value = found.get(key, wanted.get(key))
                return f"only {'the one' if key in found else 'the other'} has {place}, {value!r:.200}"
            if difference := first_difference(found[key], wanted[key], place):
                return difference
    return f"{where} is {found!r:.200} in the one and {wanted!r:.200} in the other"
