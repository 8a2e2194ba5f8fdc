"""Plays a suite: each part into files of its own, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from oversight_envs._files import make_folder, write_whole
from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.players import CannotPlay
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.usage import summed_by_role, usage_to_json
from oversight_envs.evaluation.benchmark.measures import measures
from oversight_envs.evaluation.benchmark.plan import Planned
from oversight_envs.evaluation.benchmark.profile import FILE, Profile, Result
from oversight_envs.evaluation.benchmark.stress import stress
from oversight_envs.evaluation.benchmark.suite import Suite
from oversight_envs.evaluation.evaluate import library_versions
from oversight_envs.models.api import without_secrets
from oversight_envs.play import StoreError, rollout
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.identity import first_difference, identified
from oversight_envs.protocols import Debate

RUN, TOOK = "run.json", "took.json"

Fit = Callable[[Sequence[tuple[Protocol, Mapping[str, Any]]]], Callable[[Question], Question] | None]
"""Games with their players -> what cuts a passage to what they can read; None where nobody needs that."""


def run_suite(
    suite: Suite,
    planned: Sequence[Planned],
    specs: Mapping[str, str],
    *,
    out: str | Path,
    reuse: bool | None = None,
    concurrency: int = 32,
    on_failure: OnFailure = "record",
    fit: Fit | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Profile, dict[str, dict[str, list[Record]]]]:
    """Plays the parts that can be played, and returns the profile and each part's records by condition.

    Args:
        suite, planned, specs: what is played; ``planned`` is what ``plan_suite(suite, specs)`` gave.
        out: a folder for the episodes, written as they end and not played again by the same call, and
            ``profile.json``. A folder of another suite, size or model is refused.
        reuse, concurrency, on_failure: as for ``rollout``.
        fit: cuts passages to what models can read, the same for all conditions of a part.
        on_progress: called with a part's name, games done and games in all.
    """
    at_least("concurrency", concurrency, 1)
    one_of("on_failure", on_failure, ("raise", "record"))
    folder = make_folder(out)
    models = {role: without_secrets(spec) for role, spec in specs.items()}
    _claim(folder, {"suite": suite.name, "size": suite.size, "digest": suite.digest, "models": models}, reuse)
    parts: dict[str, Result] = {}
    records: dict[str, dict[str, list[Record]]] = {}
    for one in planned:
        name = one.part.name
        if one.left_out is not None:
            parts[name] = Result(role=one.part.role, left_out=one.left_out)
            continue
        player = _Part(suite, one, folder, reuse, concurrency, on_failure, fit, partial(_tell, on_progress, name))
        try:
            with _timed(folder, name, player):
                parts[name], records[name] = player.play()
        except CannotPlay as error:
            parts[name] = Result(role=one.part.role, stopped=str(error))
    took = _kept(folder / TOOK)
    parts = {name: replace(result, took=took.get(name, {})) for name, result in parts.items()}
    profile = Profile(
        suite=suite.name,
        size=suite.size,
        digest=suite.digest,
        models=models,
        parts=parts,
        libraries=library_versions() | {"processors": str(os.cpu_count())},
    )
    write_whole(folder / FILE, profile.to_json())
    return profile, records


class _Part:
    """One part, being played. ``fresh`` counts the games of this run, so that a finished part takes no further time."""

    def __init__(
        self,
        suite: Suite,
        planned: Planned,
        folder: Path,
        reuse: bool | None,
        concurrency: int,
        on_failure: OnFailure,
        fit: Fit | None,
        tell: Callable[[int, int], None],
    ) -> None:
        self.suite, self.planned, self.folder, self.reuse = suite, planned, folder, reuse
        self.concurrency, self.on_failure, self.tell = concurrency, on_failure, tell
        self.fresh = 0
        self._offset = self._total = 0
        part, game = planned.part, planned.game
        self.games: dict[str, Protocol] = {} if part.stress else {part.game: game}
        self.games |= {name: game.baselines()[name] for name in part.baselines}
        cutter = None if fit is None else fit([(game, self._players(name)) for name, game in self.games.items()])
        self.questions = list(planned.questions) if cutter is None else [cutter(q) for q in planned.questions]

    def _players(self, condition: str) -> dict[str, Any]:
        """Who plays a condition: everybody, or the judge alone."""
        players = self.planned.players
        return {"judge_0": players["judge_0"]} if condition in self.planned.part.baselines else dict(players)

    def play(self) -> tuple[Result, dict[str, list[Record]]]:
        one = self.planned
        assert one.variant is not None
        played = {
            "task": one.task.full_name,
            "options": {key: value for key, value in one.variant.options.items() if key != "split"},
            "game": one.game.name,
            "config": one.game.config,
            "sides": one.part.sides,
            "seed": self.suite.seed,
            "questions": len(self.questions),
            "asked": one.asked,
            "passages_cut": sum("passage_cut" in question.metadata for question in self.questions),
        }
        return self._stress(played) if one.part.stress else self._rollouts(played)

    def _file(self, condition: str) -> Path:
        """The file of a condition's games: the game's own is called after the part."""
        name = "".join(letter if letter.isalnum() else "-" for letter in self.planned.part.name.lower())
        return self.folder / f"{name}{'' if condition == self.planned.part.game else f'-{condition}'}.jsonl"

    def _rollouts(self, played: dict[str, Any]) -> tuple[Result, dict[str, list[Record]]]:
        one = self.planned
        counts = {name: len(self.questions) * (2 if self._sides(name) == "both" else 1) for name in self.games}
        self._total = sum(counts.values())
        records: dict[str, list[Record]] = {}
        for name, game in self.games.items():
            records[name] = rollout(
                game,
                one.task,
                self._players(name),
                questions=self.questions,
                sides=self._sides(name),
                seed=self.suite.seed,
                path=self._file(name),
                reuse=self.reuse,
                concurrency=self.concurrency,
                on_failure=self.on_failure,
                on_record=self._on_record,
            )
            self._offset += counts[name]
        every = [record for found in records.values() for record in found]
        usage = summed_by_role(record.usage for record in every)
        result = Result(
            role=one.part.role,
            played=played,
            players=identified(one.players),
            games=len(every),
            without_result=Counter(why for r in every if (why := r.ended_without_result) is not None),
            measures=measures(one.part, records),
            usage=usage_to_json(usage) if usage else {},
        )
        return result, records

    def _sides(self, condition: str) -> Any:
        return self.planned.part.sides if condition == self.planned.part.game else "drawn"

    def _on_record(self, record: Record | None, done: int, _: int) -> None:
        self.fresh += record is not None
        self.tell(self._offset + done, self._total)

    def _stress(self, played: dict[str, Any]) -> tuple[Result, dict[str, list[Record]]]:
        one = self.planned
        assert isinstance(one.game, Debate)
        players = identified(one.players)

        def told(done: int, total: int, fresh: bool) -> None:
            self.fresh += fresh
            self.tell(done, total)

        found = stress(
            one.players["judge_0"],
            players["judge_0"],
            one.game,
            one.task,
            self.questions,
            self._file(one.part.game),
            seed=self.suite.seed,
            reuse=self.reuse,
            concurrency=max(self.concurrency, 128),
            on_failure=self.on_failure,
            on_done=told,
        )
        result = Result(
            role=one.part.role,
            played=played,
            players=players,
            games=found.games,
            without_result=found.failures,
            measures=found.measures(),
            broken=found.broken(),
        )
        return result, {}


@contextmanager
def _timed(folder: Path, name: str, part: _Part) -> Iterator[None]:
    """Adds the time of what was played to the folder's account, however it ends."""
    clock, processor = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        if part.fresh:
            took = _kept(folder / TOOK)
            earlier = took.get(name, {})
            now = {"wall_s": time.monotonic() - clock, "cpu_s": time.process_time() - processor}
            took[name] = {key: round(earlier.get(key, 0.0) + seconds, 1) for key, seconds in now.items()}
            write_whole(folder / TOOK, json.dumps(took, indent=1) + "\n")


def _tell(on_progress: Callable[[str, int, int], None] | None, name: str, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(name, done, total)


def _kept(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}): remove it, or give another folder") from error
    return found if isinstance(found, dict) else {}


def _claim(folder: Path, settings: Mapping[str, Any], reuse: bool | None) -> None:
    """Writes ``run.json``, or raises StoreError where the folder is another profile's."""
    found = _kept(folder / RUN)
    if found and reuse is not False and (difference := first_difference(found, settings)):
        raise StoreError(
            f"{folder} holds another profile than this one: {difference}. Give another folder, or play anew "
            "(reuse=False, --fresh)"
        )
    if reuse is False:
        for name in (TOOK, FILE):
            (folder / name).unlink(missing_ok=True)
    write_whole(folder / RUN, json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
