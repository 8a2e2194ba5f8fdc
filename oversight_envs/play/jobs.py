"""From jobs to records: what every episode of a rollout shares, and the one way in which it is played, wherever."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import CannotPlay
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule, finish
from oversight_envs.core.usage import Spent, summed
from oversight_envs.play.drive import OnFailure, drive
from oversight_envs.play.store import EpisodeStore

ALL_FAIL = 10
"""So many failed episodes in a row, beyond those that one outage may take at once, are no accident."""


class Job(NamedTuple):
    """One episode to be played. ``place`` is where its record stands among those of the rollout."""

    place: int
    question: Question
    seed: int


@dataclass(frozen=True)
class Plan:
    """What all episodes of a rollout share. ``described`` is what their records say of ``players``."""

    game: Protocol
    task: Task
    players: Mapping[str, Any]
    rule: RewardRule
    group: str | None
    described: Mapping[str, Any]
    concurrency: int
    on_failure: OnFailure

    def play(
        self, jobs: Iterable[Job], about: Callable[[Job], Mapping[str, Any]] = lambda job: {}
    ) -> Generator[tuple[Job, Record]]:
        """Plays jobs, as many at once as ``concurrency`` says, and yields each with its record as it ends.

        ``about`` gives what a job's record is to say of it that is not what all of the plan share.
        """
        return play_plans(
            ((self, job) for job in jobs), concurrency=self.concurrency, on_failure=self.on_failure, about=about
        )

    def kept(self, store: EpisodeStore, job: Job) -> Record | None:
        """The record of a job that the store holds, rewarded by this plan's rule; None where it is yet to be played."""
        if (found := store.find(self.game, job.question, job.seed)) is None:
            return None
        episode, stored = found
        return self.finish(episode, players=stored.players, timings=stored.timings, usage=stored.usage)

    def finish(self, episode: Episode, **about: Any) -> Record:
        """The record of an episode that is over."""
        return finish(episode, self.task, self.rule, **{"group": self.group, "players": self.described, **about})


def play_plans(
    planned: Iterable[tuple[Plan, Job]],
    *,
    concurrency: int,
    on_failure: OnFailure,
    about: Callable[[Job], Mapping[str, Any]] = lambda job: {},
) -> Generator[tuple[Job, Record]]:
    """Plays jobs of one plan or of several at once, so that whoever plays in all of them is asked in one batch."""
    begun: dict[int, tuple[Plan, Job, float, dict[str, list[Spent]]]] = {}

    def begin(planned: tuple[Plan, Job]) -> tuple[Episode, Mapping[str, Any]]:
        plan, job = planned
        episode = Episode(plan.game, job.question, job.seed)
        begun[id(episode)] = plan, job, time.perf_counter(), {}
        return episode, plan.players

    def note(episode: Episode, role: str, spent: Spent) -> None:
        if id(episode) in begun:  # else it has failed by another ask meanwhile
            begun[id(episode)][3].setdefault(role, []).append(spent)

    for episode in drive(map(begin, planned), concurrency=concurrency, on_failure=on_failure, on_spent=note):
        plan, job, started, spent = begun.pop(id(episode))
        timings = {"wall_s": time.perf_counter() - started}
        usage = {role: summed(spent[role]) for role in sorted(spent)}
        yield job, plan.finish(episode, timings=timings, usage=usage, **about(job))


def unless_all_fail(played: Iterable[tuple[Job, Record]], concurrency: int) -> Iterator[tuple[Job, Record]]:
    """Jobs and records as they end. Raises CannotPlay once so many in a row have failed that the rest would, too.

    That is ``ALL_FAIL`` where none has ended otherwise yet, and later as many more as are in flight: an outage that
    passes costs those, and not the run.
    """
    failed, most = 0, ALL_FAIL
    for job, record in played:
        yield job, record
        if record.failed is None:
            failed, most = 0, ALL_FAIL + concurrency
            continue
        failed += 1
        if failed >= most:
            raise CannotPlay(
                f"{failed} episodes in a row have failed, so the run ends here; the last one: {record.failed}. What "
                "is finished is kept"
            )
