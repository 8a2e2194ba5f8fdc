"""Many processors and machines: Ray actors play, each with players of its own; the caller gives out and collects.

Rule 1: the caller alone knows who has which episodes. A worker has few more than it plays at once, so that a slow one
keeps no work from the others.
Rule 2: a call takes new episodes along and brings one that has ended; the others stay in flight in the worker. It has
two calls, so that it need not wait for the caller.
Rule 3: with a worker its unfinished episodes are lost and nothing else: they are played elsewhere, and another worker
takes its place. An episode's seed decides all, so it doesn't matter who plays it.
Rule 4: an episode that was lost twice is played with no other beside it, and fails if it is lost once more: else one
that ends its process would end them all.
"""

from __future__ import annotations

import importlib
import math
import os
import pickle
import socket
import subprocess
import sys
import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from oversight_envs.core.checks import at_least, not_negative, positive
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import PlayerError
from oversight_envs.core.record import Record
from oversight_envs.play.jobs import Job, Plan

CALLS = 2
"""How many calls of a worker are on their way."""
LOSSES = 3
"""How often an episode, or a worker that has not begun, may be lost."""

_PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='error')"


@dataclass(frozen=True, kw_only=True)
class RayEngine:
    """Workers in a Ray cluster, or on the processors of this machine. ``"ray"`` stands for one with these defaults.

    Args:
        workers: how many, each a process with its own copy of the players; None: as many as there is room for.
        num_cpus: the processors that each takes, threads of its models included.
        num_gpus: the GPUs that each takes; a part of one (0.5) where several share it.
        address: of a running cluster (``head:6379``; ``auto``: the one on this machine); None: ``RAY_ADDRESS``, else a
            new one on this machine, which ends with this process. Where Ray is connected already, that cluster is used.
        timeout: seconds in which the cluster must have answered.
    """

    workers: int | None = None
    num_cpus: float = 1
    num_gpus: float = 0
    address: str | None = None
    timeout: float = 30

    def __post_init__(self) -> None:
        if self.workers is not None:
            at_least("workers", self.workers, 1)
        not_negative("num_cpus", self.num_cpus)
        not_negative("num_gpus", self.num_gpus)
        if not self.num_cpus and not self.num_gpus:
            raise ValueError("num_cpus=0, num_gpus=0: a worker needs a part of a processor or GPU; give num_cpus=0.5")
        positive("timeout", self.timeout)

    def play(self, plan: Plan, jobs: Sequence[Job]) -> Generator[tuple[Job, Record]]:
        """Plays the jobs as ``Plan.play`` does; closing it ends the workers.

        Raises TypeError for players that can't be sent to another process, ConnectionError for a cluster that can't be
        reached, and ImportError without Ray.
        """
        if not jobs:
            return
        ray = _ray()
        packed = _packed(ray, plan)
        self._connect(ray)
        room = self._room(ray)
        if not room:
            raise ValueError(
                f"num_cpus={self.num_cpus:g}, num_gpus={self.num_gpus:g}: no machine of the Ray cluster has that much "
                f"(all in all: {ray.cluster_resources().get('CPU', 0):g} CPUs, "
                f"{ray.cluster_resources().get('GPU', 0):g} GPUs)"
            )
        if self.workers is not None and self.workers > room:
            warnings.warn(
                f"workers={self.workers}: the Ray cluster has room for {room}; the others begin once there is more",
                stacklevel=3,
            )
        make = ray.remote(Worker).options(num_cpus=self.num_cpus, num_gpus=self.num_gpus).remote
        game = _Run(ray, plan, jobs, make, ray.put(packed), min(self.workers or room, len(jobs)))
        try:
            yield from game.play()
        finally:
            game.end()

    def _connect(self, ray: Any) -> None:
        if ray.is_initialized():
            return
        address = self.address or os.environ.get("RAY_ADDRESS")
        if address in (None, "local"):
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init(address="local", include_dashboard=False, logging_level="error")
            return
        _check_cluster(address, self.timeout)
        ray.init(address=address, logging_level="warning")

    def _room(self, ray: Any) -> int:
        """How many workers the machines of the cluster have room for, if nothing else runs there."""
        need = {kind: share for kind, share in (("CPU", self.num_cpus), ("GPU", self.num_gpus)) if share}
        return sum(
            min(int(node["Resources"].get(kind, 0) / share + 1e-6) for kind, share in need.items())
            for node in ray.nodes()
            if node["Alive"]
        )


@dataclass(eq=False)
class _Handle:
    """A worker as the caller knows it."""

    actor: Any
    begun: bool = False
    jobs: dict[int, Job] = field(default_factory=dict)
    """By place: what it was given and has not brought back."""


class _Run:
    """One rollout's workers, and what is left to give them."""

    def __init__(
        self, ray: Any, plan: Plan, jobs: Sequence[Job], make: Callable[[], Any], packed: Any, workers: int
    ) -> None:
        self._ray, self._plan, self._make, self._packed = ray, plan, make, packed
        self._waiting, self._alone = deque(jobs), deque[Job]()
        self._losses: Counter[int] = Counter()
        self._false_starts = 0
        self._left = len(jobs)
        self._ended: list[tuple[Job, Record]] = []
        self._workers: list[_Handle] = []
        self._calls: dict[Any, _Handle] = {}
        for _ in range(workers):
            self._start()

    def play(self) -> Iterator[tuple[Job, Record]]:
        errors = self._ray.exceptions
        while self._left:
            (call,), _ = self._ray.wait(list(self._calls), num_returns=1)
            worker = self._calls.pop(call)
            try:
                brought = self._brought(call)
            except (errors.RayActorError, errors.NodeDiedError, errors.ObjectLostError) as error:
                self._lose(worker, error)
            else:
                worker.begun, self._false_starts = True, 0
                self._ended += [(worker.jobs.pop(place), record) for place, record in brought]
            for each in self._workers:
                self._give(each)
            ended, self._ended = self._ended, []
            self._left -= len(ended)
            yield from ended

    def end(self) -> None:
        """Ends the workers, whatever they are at."""
        for worker in self._workers:
            with suppress(Exception):  # the cluster itself may be gone
                self._ray.kill(worker.actor)

    def _start(self) -> None:
        worker = _Handle(self._make())
        self._workers.append(worker)
        self._calls[worker.actor.begin.remote(self._packed)] = worker

    def _brought(self, call: Any) -> list[tuple[int, Record]]:
        errors = self._ray.exceptions
        try:
            brought: list[tuple[int, Record]] = self._ray.get(call)
        except errors.RayTaskError as error:
            raise (error.cause or PlayerError(str(error))) from error
        except errors.UnserializableException as error:  # an exception that can't be sent
            raise PlayerError(f"in a worker: {error}") from None
        return brought

    def _give(self, worker: _Handle) -> None:
        """Calls a worker, with as much more to play as is its share, if it has too few calls for what it has."""
        calls = sum(known is worker for known in self._calls.values())
        if not worker.begun or calls == CALLS:
            return
        new = self._share(worker)
        worker.jobs |= {job.place: job for job in new}
        for _ in range(min(CALLS, len(worker.jobs)) - calls):
            self._calls[worker.actor.play.remote(new)] = worker
            new = []

    def _share(self, worker: _Handle) -> list[Job]:
        if self._alone and not worker.jobs:
            return [self._alone.popleft()]
        if any(self._losses[place] >= LOSSES - 1 for place in worker.jobs):
            return []
        room = self._plan.concurrency + CALLS - len(worker.jobs)
        idle = sum(not each.jobs for each in self._workers) or 1
        return [self._waiting.popleft() for _ in range(min(room, math.ceil(len(self._waiting) / idle)))]

    def _lose(self, worker: _Handle, error: Exception) -> None:
        self._workers.remove(worker)
        self._calls = {call: other for call, other in self._calls.items() if other is not worker}
        with suppress(Exception):  # it may be cut off and alive
            self._ray.kill(worker.actor)
        why = " ".join(str(error).split())[:500]
        if not worker.begun:
            self._false_starts += 1
            if self._false_starts == LOSSES:
                raise PlayerError(f"workers end before they have their players, {LOSSES} times in a row: {why}")
        for job in worker.jobs.values():
            self._losses[job.place] += 1
            if self._losses[job.place] == LOSSES:
                self._fail(job, f"the worker that played it was lost, {LOSSES} times: {why}")
            else:
                (self._alone if self._losses[job.place] == LOSSES - 1 else self._waiting).append(job)
        self._start()

    def _fail(self, job: Job, why: str) -> None:
        if self._plan.on_failure == "raise":
            raise PlayerError(f"question {job.question.id!r}, seed {job.seed}: {why}")
        episode = Episode(self._plan.game, job.question, job.seed)
        episode.fail(why)
        self._ended.append((job, self._plan.finish(episode)))


class Worker:
    """A Ray actor that plays what it is given."""

    def begin(self, packed: bytes) -> list[tuple[int, Record]]:
        """Unpacks what it plays, its players among it: models are loaded here."""
        try:
            self._plan: Plan = pickle.loads(packed)
        except PlayerError:
            raise
        except Exception as error:
            raise PlayerError(
                f"a worker can't load what it is to play ({type(error).__name__}: {error}): it needs the Python, the "
                "packages, the code and the files that are here"
            ) from None
        self._waiting = _Waiting()
        self._playing: Iterator[tuple[Job, Record]] = iter(())
        return []

    def play(self, jobs: Sequence[Job]) -> list[tuple[int, Record]]:
        """Goes on, with these beside what is in flight, until one has ended. Nothing if there is nothing to play."""
        self._waiting.extend(jobs)
        ended = next(self._playing, None)
        if ended is None:  # all from before is over
            self._playing = self._plan.play(self._waiting)
            ended = next(self._playing, None)
        return [] if ended is None else [(ended[0].place, ended[1])]


class _Waiting(deque[Job]):
    """An iterator that takes from its left, and may be filled again."""

    def __iter__(self) -> Iterator[Job]:
        return self

    def __next__(self) -> Job:
        if not self:
            raise StopIteration
        return self.popleft()


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"engine='ray' needs the package {error.name!r}: pip install 'oversight-envs[ray]'"
        ) from error


def _check_cluster(address: str, timeout: float) -> None:
    """Raises ConnectionError where no cluster answers in time: ``ray.init`` would wait for many minutes."""
    fix = "start one there (ray start --head), or mend the address: host:port of the head, by default port 6379"
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host and port.isdigit():
            socket.create_connection((host.strip("[]"), int(port)), timeout=timeout).close()
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, address], capture_output=True, text=True, timeout=timeout, check=False
        )
    except OSError as error:
        raise ConnectionError(f"address={address!r}: no Ray cluster can be reached ({error}); {fix}") from None
    except subprocess.TimeoutExpired:
        raise ConnectionError(f"address={address!r}: no Ray cluster has answered in {timeout:g} s; {fix}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise ConnectionError(f"address={address!r}: the Ray cluster can't be joined ({said[:500]}); {fix}")


def _packed(ray: Any, plan: Plan) -> bytes:
    """The plan, pickled. Models that can be made anew elsewhere travel as the way to make them."""

    class Pickler(ray.cloudpickle.Pickler):  # type: ignore[misc]  # which exists once Ray is imported
        def reducer_override(self, thing: Any) -> Any:
            remake = getattr(thing, "remake", None) if hasattr(type(thing), "remake") else None
            if remake is None:
                return super().reducer_override(thing)
            return _remade, (remake, thing.fingerprint)

    def pickled(thing: Any) -> bytes:
        buffer = BytesIO()
        Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(thing)
        return buffer.getvalue()

    try:
        return pickled(plan)
    except Exception:
        parts: Mapping[str, Any] = {"protocol": plan.game, "task": plan.task, "reward": plan.rule}
        for name, part in {**{f"players[{role!r}]": p for role, p in plan.players.items()}, **parts}.items():
            try:
                pickled(part)
            except Exception as error:
                raise TypeError(
                    f"{name} can't be sent to another process ({error}): {part!r:.80}. Give one that pickle takes, or "
                    "play in this process, without engine"
                ) from error
        raise


def _remade(remake: Callable[[], Any], fingerprint: str) -> Any:
    made = remake()
    if made.fingerprint != fingerprint:
        raise PlayerError(
            f"{made!r} is not the same in a worker as here: its files there are others, or it was loaded as another "
            "dtype, as on another kind of device. Give workers the same files, a dtype to load(), or the same num_gpus"
        )
    return made
