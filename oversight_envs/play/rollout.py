"""Many episodes at once: whoever is asked, by whichever episode, is asked in one batch.

Every random stream belongs to its ask and the record keeps the order of the asks, so batch size, order of the
questions and concurrency don't change results (for language models: but for floating-point).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

from oversight_envs.core.checks import at_least, one_of, whole
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule, get_rule, reward_records, rule_name
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.identity import identified
from oversight_envs.play.jobs import Job, Plan, unless_all_fail
from oversight_envs.play.ray import RayEngine
from oversight_envs.play.sides import Sides, episode_seeds
from oversight_envs.play.store import EpisodeStore
from oversight_envs.protocols import find_protocol
from oversight_envs.tasks import make_task

OnRecord = Callable[[Record | None, int, int], None]
"""Called with a record that has just ended (None at the start), and how many episodes are done of how many."""


def rollout(
    protocol: Protocol | str,
    task: Task | str,
    players: Players,
    *,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    sides: Sides = "drawn",
    group: str | None = None,
    seed: int = 0,
    reward: str | RewardRule | None = None,
    path: str | Path | None = None,
    reuse: bool | None = None,
    concurrency: int = 32,
    on_failure: OnFailure = "raise",
    engine: RayEngine | Literal["ray"] | None = None,
    on_record: OnRecord | None = None,
    keep: bool = True,
) -> list[Record]:
    """Plays every question ``samples`` times and returns the records, in the order of the questions.

    Args:
        protocol, task: a game and a task, or their names.
        players: who fills each role; a player or the name of one (``"smollm2-135m"``).
        questions: how many to draw from the task in its seeded order (None: all), or the questions themselves.
        samples: how often each is played.
        sides: "both" plays each sample twice, the second time with the sides exchanged (see ``play/sides.py``).
        group: names this batch where rewards compare samples of one question (V' in ``rewards.py``). Rewards are then
            given for the batch as a whole, and lines of the file, written one by one, have none.
        seed: decides the questions and, with each question's id, everything that is drawn.
        reward: a rule or the name of one; None: the game's own.
        path: a file to which each finished episode is appended at once; those that it already holds are not played
            again, if the game, the task and the players are provably the same as then (see ``EpisodeStore``).
        reuse: True takes the players for the same whatever their fingerprints say; False sets the file's episodes aside
            and plays all anew.
        concurrency: how many episodes are in flight, in each worker where there are several.
        on_failure: what happens when a player raises. ``raise``: the exception passes through. ``record``: the episode
            ends as failed, with the reason and no reward, and the others go on, unless so many fail in a row that the
            rest would, too (``CannotPlay``). Failed episodes are kept beside the file (``failed_path``) until the next
            run, which plays them again.
        engine: where episodes are played; None: in this process. ``"ray"``: in one for each processor of this machine,
            or in those of a Ray cluster (``RayEngine``), each with its own copy of the players. Records are the same.
        on_record: for progress bars: see ``OnRecord``.
        keep: False returns no records, so that memory does not grow with them: they are in the file, to be read one by
            one (``read_episodes``), and ``on_record`` sees each as it ends.

    Raises ValueError or TypeError, before anything is played, for what does not fit together.
    """
    one_of("on_failure", on_failure, ("raise", "record"))
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
    if getattr(rule, "compares", False) and (group is None or samples < 2):
        raise ValueError(
            f"reward {rule_name(rule)} compares samples of one question: give samples=2 or more, not {samples!r}, and "
            f"a name for the batch, group={group or 'step 1'!r}"
        )
    workers = as_engine(engine)
    if not keep and group is not None:
        raise ValueError(f"keep=False, group={group!r}: rewards that compare the records of a batch need them all")
    chosen = choose(source, questions, seed)
    for question in chosen:
        game.check_question(question)  # all, before the first is played
    filled = check_players(game, players, knows=(source, chosen))
    if missing := [role for role in game.roles if role not in filled]:
        raise ValueError(f"players: nobody plays {', '.join(missing)}; a rollout needs every role filled")
    seeded = [
        (question, drawn)
        for question in chosen
        for drawn in episode_seeds(game, question, seed, samples=samples, sides=sides)
    ]
    jobs = [Job(place, question, drawn) for place, (question, drawn) in enumerate(seeded)]
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
    plan = Plan(game, source, filled, rule, group, described, concurrency, on_failure)
    kept: dict[int, Record] = {}
    left: list[Job] = []
    done = 0
    try:
        for job in jobs:
            if store is not None and (record := plan.kept(store, job)) is not None:
                done += 1
                if keep:
                    kept[job.place] = record
            else:
                left.append(job)
        if on_record is not None:
            on_record(None, done, len(jobs))
        left.sort(key=_by_passage(jobs))
        with closing(plan.play(left) if workers is None else workers.play(plan, left)) as played:
            for job, record in unless_all_fail(played, concurrency):
                if store is not None:
                    store.append(record)
                done += 1
                if keep:
                    kept[job.place] = record
                if on_record is not None:
                    on_record(record, done, len(jobs))
    finally:
        if store is not None:
            store.close()
    if not keep:
        return []
    records = [kept[job.place] for job in jobs]
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


def as_engine(engine: RayEngine | str | None) -> RayEngine | None:
    """The engine, or the one with this name under its default options; None: this process."""
    if engine is None or isinstance(engine, RayEngine):
        return engine
    if engine != "ray":
        raise ValueError(f"engine={engine!r:.80}: give 'ray', a RayEngine, or None to play in this process")
    return RayEngine()


def _by_passage(jobs: Sequence[Job]) -> Callable[[Job], tuple[int, int]]:
    """A sort key that brings questions about one passage together, so that an engine reads it once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.question.passage, job.place)
    return lambda job: (first[job.question.passage] if job.question.passage else job.place, job.place)
