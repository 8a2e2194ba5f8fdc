"""Saved episodes judged again: the speeches stand, and only judges and verifiers are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.episode import assignment
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule, finish, get_rule, rule_name
from oversight_envs.core.speech import Speech
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.identity import FINGERPRINT, first_difference, identified, identity_of
from oversight_envs.play.jobs import Job, Plan, unless_all_fail
from oversight_envs.play.replay import ReplayAgent
from oversight_envs.play.rollout import OnRecord, as_protocol, as_task
from oversight_envs.play.store import EpisodeStore, StoreError

PLAYED_UNDER = "played_under"
"""The key, in the description of a player that is not asked anew, of the options of the game that it played."""
REPLAYED = "replayed"
"""The fingerprint of a player that had none: what it said is compared, word by word."""


def rejudge(
    records: Sequence[Record],
    protocol: Protocol | str,
    task: Task | str,
    players: Players,
    *,
    reward: str | RewardRule | None = None,
    path: str | Path | None = None,
    reuse: bool | None = None,
    concurrency: int = 32,
    on_failure: OnFailure = "raise",
    on_record: OnRecord | None = None,
) -> list[Record]:
    """The records with their decisions and scores made anew by ``players``; everyone else does as recorded.

    Args:
        records: saved episodes, finished or not. What was truncated or failed is judged too, as far as what was said
            leads; where a speech is missing it ends for the same reason again (a failed one raises, unless
            ``on_failure="record"``).
        protocol, task: the game and where the questions come from. The game may have other options (wording, ``show``,
            ``both_orders``): speeches stay as they were, so players that are not asked anew are described as they were,
            with the options that they played under. ``RecordedTask(records)`` is a task of what the records say.
        players: who decides and scores now.
        reward, concurrency, on_failure, on_record: as for ``rollout``.
        path, reuse: a file to which each episode is appended as it ends, and what to do with those that it holds, as
            for ``rollout``; the records must then share one configuration.

    The result is in the order of ``records``; its ``usage`` is what judging took.

    Raises ValueError for a ``protocol`` with other roles than were played, or that gives them other sides, and for an
    episode that is there twice; PlayerError where a finished record ends before what its game asks next; StoreError for
    a file of another run, or of other speeches.
    """
    one_of("on_failure", on_failure, ("raise", "record"))
    at_least("concurrency", concurrency, 1)
    game, questions = as_protocol(protocol), as_task(task)
    records = list(records)
    filled = check_players(game, players, knows=(questions, [record.question for record in records]))
    rule = get_rule(reward, game)
    _check(records, game)
    described: dict[str, Any] = {role: describe_player(player) for role, player in filled.items()}
    replayed = dict.fromkeys(game.roles, ReplayAgent(records)) | filled
    plan = Plan(game, questions, replayed, rule, None, {}, concurrency, on_failure)
    store = None
    if path is not None:
        store = EpisodeStore(path, _identity(records, game, questions, rule, filled), reuse=reuse)

    def about(job: Job) -> dict[str, Any]:
        old = records[job.place]
        told = {**_as_they_were(old, game, filled), **described} if store is None else store.players
        return {"group": old.group, "players": told}

    found: dict[int, Record] = {}
    left: list[Job] = []
    with store or nullcontext():
        for place, old in enumerate(records):
            if store is not None and (kept := store.find(game, old.question, old.seed)):
                episode, stored = kept
                _same_speeches(store.path, old, stored, filled)
                also = {"players": stored.players, "timings": stored.timings, "usage": stored.usage}
                found[place] = finish(episode, questions, rule, group=old.group, **also)
            else:
                left.append(Job(place, old.question, old.seed))
        if on_record is not None:
            on_record(None, len(found), len(records))
        whole = [job for job in left if not records[job.place].ended_without_result]
        others = [job for job in left if records[job.place].ended_without_result]  # that these fail again tells nothing
        for job, record in chain(unless_all_fail(plan.play(whole, about), concurrency), plan.play(others, about)):
            if store is not None:
                store.append(record)
            found[job.place] = record
            if on_record is not None:
                on_record(record, len(found), len(records))
    return [found[place] for place in range(len(records))]


def _check(records: Sequence[Record], game: Protocol) -> None:
    seen: set[tuple[str, int]] = set()
    for record in records:
        where = f"the record of question {record.question.id!r} ({record.protocol})"
        if list(record.roles) != list(game.roles):
            raise ValueError(
                f"{where} has the roles {', '.join(record.roles)}, and {game.name} has {', '.join(game.roles)}"
            )
        chosen = record.outcome.sides if record.outcome is not None else {}
        before = {role: side for role, side in record.assigned.sides.items() if role not in chosen}
        now = dict(assignment(game, record.question, record.seed).sides)
        if before != now:
            raise ValueError(
                f"{where}: its seed gave the sides {before} (role: option), and gives {now} in {game.name} with the "
                f"options {game.config}: leave the options that assign sides as they were"
            )
        if (record.question.id, record.seed) in seen:
            raise ValueError(f"{where} is there twice, under seed {record.seed}: give each episode once")
        seen.add((record.question.id, record.seed))


def _as_they_were(record: Record, game: Protocol, filled: Mapping[str, Any]) -> dict[str, Any]:
    """Role -> the description of the player that is not asked anew."""
    other = {} if first_difference(dict(record.config), game.config) is None else {PLAYED_UNDER: dict(record.config)}
    return {role: {**other, **player} for role, player in record.players.items() if role not in filled}


def _identity(
    records: Sequence[Record], game: Protocol, task: Task, rule: RewardRule, filled: Mapping[str, Any]
) -> dict[str, Any]:
    """What the lines of the new file share."""
    if not records:
        raise ValueError("records is empty: there is nothing to judge")
    for record in records[1:]:
        if difference := first_difference(identity_of(records[0]), identity_of(record)):
            raise ValueError(
                f"these episodes were played in different ways: {difference}. Judge each way into a file of its own"
            )
    before = {
        role: {**player, FINGERPRINT: player.get(FINGERPRINT) or REPLAYED}
        for role, player in _as_they_were(records[0], game, filled).items()
    }
    return {
        "protocol": game.name,
        "config": game.config,
        "players": {**before, **identified(filled)},
        "task": task.full_name,
        "rule": rule_name(rule),
    }


def _same_speeches(path: Path, old: Record, stored: Record, filled: Mapping[str, Any]) -> None:
    """Raises StoreError where a stored episode was judged on other speeches than these."""
    said, judged = (
        [
            entry.reply.text if isinstance(entry.reply, Speech) else entry.reply
            for entry in record.entries
            if entry.role not in filled
        ]
        for record in (old, stored)
    )
    if said[: len(judged)] != judged:
        raise StoreError(
            f"{path} holds question {old.question.id!r} under seed {old.seed} with other speeches than these: give "
            "another path"
        )
