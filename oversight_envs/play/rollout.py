"""Many episodes at once: whoever is asked, by whichever episode, is asked in one batch.

Every random stream belongs to its ask and the record keeps the order of the asks, so batch size, order of the
questions and concurrency don't change results (for language models: but for floating-point).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Ask, Players, answer_asks, check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record, make_record
from oversight_envs.core.rewards import RewardRule, get_rule, reward_all, rule_name
from oversight_envs.core.seeding import derive_seed
from oversight_envs.play.store import EpisodeStore


@dataclass(slots=True)
class _Job:
    place: int
    question: Question
    seed: int
    group: str | None
    episode: Episode | None = field(default=None)
    started: float = 0.0


def rollout(
    protocol: Protocol,
    task: Task,
    players: Players,
    *,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    group: str | None = None,
    seed: int = 0,
    reward: str | RewardRule | None = None,
    path: str | Path | None = None,
    concurrency: int = 32,
    progress: bool = False,
    label: str | None = None,
) -> list[Record]:
    """Plays every question ``samples`` times and returns the records, in the order of the questions.

    ``players`` fills every role. ``questions`` is how many to draw from the task in its seeded order (None: all), or
    the questions themselves. ``group`` names this batch where rewards compare samples of one question (V' in
    ``rewards.py``): rewards are then given for the batch as a whole, and lines of the file, written one by one, have
    none. With ``path`` each finished episode is appended to that file at once, and episodes that it already holds are
    not played again. ``concurrency`` is how many episodes are in flight. ``label`` stands at the progress bar (the
    game's name by default).
    """
    filled = check_players(protocol, players)
    if missing := [role for role in protocol.duties if role not in filled]:
        raise ValueError(f"players: nobody plays {', '.join(missing)}; a rollout needs every role filled")
    if samples < 1 or concurrency < 1:
        raise ValueError(f"samples={samples}, concurrency={concurrency}: give at least 1")
    protocol.check_task(task)
    rule = get_rule(reward, protocol)
    chosen = task.sample(questions, seed=seed) if questions is None or isinstance(questions, int) else questions
    jobs = [
        _Job(place * samples + k, question, derive_seed(seed, "episode", question.id, k), group)
        for place, question in enumerate(chosen)
        for k in range(samples)
    ]
    if len({(job.question.id, job.seed) for job in jobs}) < len(jobs):
        raise ValueError("questions holds one question twice: use samples to play a question more than once")
    described = {role: describe_player(player) for role, player in filled.items()}
    identity: dict[str, Any] = {
        "protocol": protocol.name,
        "config": protocol.config,
        "players": described,
        "task": task.full_name,
        "rule": rule_name(reward, protocol),
    }
    store = None if path is None else EpisodeStore(path, identity)
    done = (
        {} if store is None else {job.place: r for job in jobs if (r := store.find(job.question, job.seed)) is not None}
    )
    todo = [job for job in jobs if job.place not in done]
    todo.sort(key=_by_passage(todo))
    try:
        with _bar(disable=not progress) as bar:
            shown = bar.add_task(label or protocol.name, total=len(jobs), completed=len(done))
            for job, episode in _play(protocol, todo, filled, concurrency):
                timings = {"wall_s": time.perf_counter() - job.started}
                record = make_record(
                    episode, task, players=described, rule=identity["rule"], group=job.group, timings=timings
                )
                if group is None:
                    record = replace(record, rewards=reward_all([record], rule)[0])
                if store is not None:
                    store.append(record)
                done[job.place] = record
                bar.advance(shown)
    finally:
        if store is not None:
            store.close()
    records = [done[job.place] for job in jobs]
    return [replace(r, rewards=earned) for r, earned in zip(records, reward_all(records, rule), strict=True)]


def _play(
    protocol: Protocol, todo: Iterable[_Job], players: Players, concurrency: int
) -> Iterable[tuple[_Job, Episode]]:
    """Plays the jobs, at most ``concurrency`` at a time, and yields each as it ends."""
    waiting, live = deque(todo), list[_Job]()
    while waiting or live:
        while waiting and len(live) < concurrency:
            job = waiting.popleft()
            job.started = time.perf_counter()
            job.episode = Episode(protocol, job.question, job.seed)
            live.append(job)
        asks = [ask for job in live if job.episode is not None for ask in job.episode.asks]
        if asks:
            batch = _largest_batch(asks, players)
            for ask, reply in zip(batch, answer_asks(players[batch[0].role], batch), strict=True):
                ask.episode.answer(ask, reply)
        still = []
        for job in live:
            assert job.episode is not None
            if job.episode.done:
                yield job, job.episode
            else:
                still.append(job)
        live = still


def _largest_batch(asks: Sequence[Ask], players: Players) -> list[Ask]:
    """The asks that wait for the player with most of them. One player may fill several roles, in one batch."""
    batches: dict[tuple[int, type[Ask]], list[Ask]] = {}
    for ask in asks:
        batches.setdefault((id(players[ask.role]), type(ask)), []).append(ask)
    return max(batches.values(), key=len)


def _by_passage(jobs: Sequence[_Job]):  # type: ignore[no-untyped-def]
    """A sort key that brings questions about one passage together, so that an engine reads it once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.question.passage, job.place)
    return lambda job: (first[job.question.passage] if job.question.passage else job.place, job.place)


def _bar(disable: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        disable=disable,
    )
