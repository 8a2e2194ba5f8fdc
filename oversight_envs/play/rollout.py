"""Many episodes at once: whoever is asked, by whichever episode, is asked in one batch.

Every random stream belongs to its ask and the record keeps the order of the asks, so batch size, order of the
questions and concurrency don't change results (for language models: but for floating-point).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs.core.checks import at_least, one_of, whole
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule, finish, get_rule, reward_records, rule_name
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.usage import Spent, summed
from oversight_envs.play.drive import OnFailure, drive
from oversight_envs.play.identity import identified
from oversight_envs.play.store import EpisodeStore
from oversight_envs.protocols import find_protocol
from oversight_envs.tasks import make_task


class _Job(NamedTuple):
    place: int
    question: Question
    seed: int


OnRecord = Callable[[Record | None, int, int], None]
"""Called with a record that has just ended (None at the start), and how many episodes are done of how many."""


def rollout(
    protocol: Protocol | str,
    task: Task | str,
    players: Players,
    *,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    group: str | None = None,
    seed: int = 0,
    reward: str | RewardRule | None = None,
    path: str | Path | None = None,
    reuse: bool | None = None,
    concurrency: int = 32,
    on_failure: OnFailure = "raise",
    on_record: OnRecord | None = None,
) -> list[Record]:
    """Plays every question ``samples`` times and returns the records, in the order of the questions.

    Args:
        protocol, task: a game and a task, or their names.
        players: who fills each role; a player or the name of one (``"smollm2-135m"``).
        questions: how many to draw from the task in its seeded order (None: all), or the questions themselves.
        samples: how often each is played.
        group: names this batch where rewards compare samples of one question (V' in ``rewards.py``). Rewards are then
            given for the batch as a whole, and lines of the file, written one by one, have none.
        seed: decides the questions and, with each question's id, everything that is drawn.
        reward: a rule or the name of one; None: the game's own.
        path: a file to which each finished episode is appended at once; those that it already holds are not played
            again, if the game, the task and the players are provably the same as then (see ``EpisodeStore``).
        reuse: True takes the players for the same whatever their fingerprints say; False sets the file's episodes aside
            and plays all anew.
        concurrency: how many episodes are in flight.
        on_failure: what happens when a player raises: see ``drive``. Failed episodes are not kept in the file.
        on_record: for progress bars: see ``OnRecord``.

    Raises ValueError or TypeError, before anything is played, for what does not fit together.
    """
    game, source, seed = as_protocol(protocol), as_task(task), whole("seed", seed)
    at_least("samples", samples, 1)
    at_least("concurrency", concurrency, 1)
    one_of("reuse", reuse, (None, True, False))
    if path is not None and not isinstance(path, str | os.PathLike):
        raise TypeError(f"path={path!r:.80}: give the path of a file")
    if group is not None and not isinstance(group, str):
        raise TypeError(f"group={group!r:.80}: give the name of the batch, a string")
    game.check_task(source)
    rule = get_rule(reward, game)
    chosen = choose(source, questions, seed)
    for question in chosen:
        game.check_question(question)  # all, before the first is played
    filled = check_players(game, players, knows=(source, chosen))
    if missing := [role for role in game.roles if role not in filled]:
        raise ValueError(f"players: nobody plays {', '.join(missing)}; a rollout needs every role filled")
    jobs = [
        _Job(place * samples + k, question, derive_seed(seed, "episode", question.id, k))
        for place, question in enumerate(chosen)
        for k in range(samples)
    ]
    if len({(job.question.id, job.seed) for job in jobs}) < len(jobs):
        raise ValueError("questions holds one question twice: use samples to play a question more than once")
    described: dict[str, Any] = {role: describe_player(player) for role, player in filled.items()}
    store = None
    if path is not None:
        identity: dict[str, Any] = {
            "protocol": game.name,
            "config": game.config,
            "players": identified(filled),
            "task": source.full_name,
            "rule": rule_name(rule),
        }
        store = EpisodeStore(path, identity, reuse=reuse)
        described = store.players
    done: dict[int, Record] = {}
    try:
        for job in jobs:
            if store is not None and (found := store.find(game, job.question, job.seed)):
                episode, stored = found
                done[job.place] = finish(
                    episode,
                    source,
                    rule,
                    group=group,
                    players=stored.players,
                    timings=stored.timings,
                    usage=stored.usage,
                )
        if on_record is not None:
            on_record(None, len(done), len(jobs))
        begun: dict[int, tuple[_Job, float, dict[str, list[Spent]]]] = {}

        def begin() -> Iterator[tuple[Episode, Players]]:
            for job in sorted([job for job in jobs if job.place not in done], key=_by_passage(jobs)):
                episode = Episode(game, job.question, job.seed)
                begun[id(episode)] = job, time.perf_counter(), {}
                yield episode, filled

        def note(episode: Episode, role: str, spent: Spent) -> None:
            if id(episode) in begun:  # else it has failed by another ask meanwhile
                begun[id(episode)][2].setdefault(role, []).append(spent)

        for episode in drive(begin(), concurrency=concurrency, on_failure=on_failure, on_spent=note):
            job, started, spent = begun.pop(id(episode))
            timings = {"wall_s": time.perf_counter() - started}
            usage = {role: summed(spent[role]) for role in sorted(spent)}
            record = finish(episode, source, rule, group=group, players=described, timings=timings, usage=usage)
            if store is not None and record.failed is None:
                store.append(record)
            done[job.place] = record
            if on_record is not None:
                on_record(record, len(done), len(jobs))
    finally:
        if store is not None:
            store.close()
    records = [done[job.place] for job in jobs]
    return records if group is None else reward_records(records, rule)


def choose(task: Task, questions: int | Sequence[Question] | None, seed: int) -> Sequence[Question]:
    """So many questions of the task in its seeded order (None: all), or the questions that were given."""
    if questions is None or isinstance(questions, (Integral, str)) or not isinstance(questions, Sequence):
        return task.sample(None if questions is None else whole("questions", questions), seed=seed)
    for question in questions:
        if not isinstance(question, Question):
            raise TypeError(f"questions holds {question!r:.80}: give Questions (task[0] is one), or how many to draw")
    if not questions:
        raise ValueError("questions is empty: give at least one, or how many to draw")
    return questions


def as_protocol(protocol: Protocol | str) -> Protocol:
    """The game, or the one with this name under its default options."""
    try:
        found = find_protocol(protocol)() if isinstance(protocol, str) else protocol
    except ValueError as error:
        raise ValueError(f"protocol={protocol!r:.80}: {error}") from error
    if not isinstance(found, Protocol):
        raise TypeError(f"protocol={protocol!r:.200}: give a game (Debate()) or the name of one ('debate')")
    return found


def as_task(task: Task | str) -> Task:
    """The task, or the one with this name under its default options."""
    found = make_task(task) if isinstance(task, str) else task
    if not isinstance(found, Task):
        raise TypeError(f"task={task!r:.200}: give a task or the name of one ('passages')")
    return found


def _by_passage(jobs: Sequence[_Job]) -> Callable[[_Job], tuple[int, int]]:
    """A sort key that brings questions about one passage together, so that an engine reads it once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.question.passage, job.place)
    return lambda job: (first[job.question.passage] if job.question.passage else job.place, job.place)
