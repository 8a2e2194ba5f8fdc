"""Saved episodes judged again: the speeches stand, and only judges and verifiers are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule, finish, get_rule
from oversight_envs.play.drive import OnFailure, drive
from oversight_envs.play.replay import ReplayAgent
from oversight_envs.play.rollout import as_protocol, as_task


def rejudge(
    records: Sequence[Record],
    protocol: Protocol | str,
    task: Task | str,
    players: Players,
    *,
    reward: str | RewardRule | None = None,
    concurrency: int = 32,
    on_failure: OnFailure = "raise",
    on_record: Callable[[Record], None] | None = None,
) -> list[Record]:
    """The records with their decisions and scores made anew by ``players``; everyone else does as recorded.

    Records of episodes that were cut off are judged too, as far as what was said leads. ``on_record`` is called with
    each new record as it ends. The result is in the order of ``records``; players that are not asked anew are described
    as they were.

    Raises ValueError for a ``protocol`` with other roles than were played, PlayerError where a record ends before what
    its game asks next.
    """
    game, questions = as_protocol(protocol), as_task(task)
    filled = check_players(game, players, knows=(questions, [record.question for record in records]))
    rule = get_rule(reward, game)
    for record in records:
        if list(record.roles) != list(game.roles):
            raise ValueError(
                f"the record of question {record.question.id!r} ({record.protocol}) has the roles "
                f"{', '.join(record.roles)}, and {game.name} has {', '.join(game.roles)}"
            )
    replayed = dict.fromkeys(game.roles, ReplayAgent(records)) | filled
    described = {role: describe_player(player) for role, player in filled.items()}
    episodes = [Episode(game, record.question, record.seed) for record in records]
    place = {id(episode): number for number, episode in enumerate(episodes)}
    found: dict[int, Record] = {}
    jobs = [(episode, replayed) for episode in episodes]
    for episode in drive(jobs, concurrency=concurrency, on_failure=on_failure):
        number = place[id(episode)]
        old = records[number]
        record = finish(episode, questions, rule, group=old.group, players={**old.players, **described})
        found[number] = record
        if on_record is not None:
            on_record(record)
    return [found[number] for number in range(len(records))]
