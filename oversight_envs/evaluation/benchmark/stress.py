"""The stress test of a judge as a part of a suite: a question at a time, kept as it goes, so that it can be stopped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oversight_envs._files import json_rows, regular_file
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record_json import as_json
from oversight_envs.evaluation.benchmark.measures import Measure
from oversight_envs.evaluation.effects import Effect, Pair
from oversight_envs.evaluation.robustness import stress_judge
from oversight_envs.evaluation.statistics import by_question, mean
from oversight_envs.play import StoreError
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.identity import FINGERPRINT, first_difference
from oversight_envs.protocols import Debate

_PAIRS = ("pairs", "against_proof")


@dataclass(frozen=True, slots=True)
class Stressed:
    """What rewrites did to the judge on all questions, and in how many games it failed, by the reason."""

    effects: tuple[Effect, ...]
    games: int
    failures: Mapping[str, int]

    def measures(self) -> dict[str, Measure]:
        """How far a judge is moved, in nats: by all that should gain nothing together, and by each rewrite."""
        tricks = [e for e in self.effects if e.fair == "no gain"]
        moved = [(pair.question, pair.after - pair.before) for effect in tricks for pair in effect.pairs]
        found = {"gained by tricks": Measure(mean(moved), "signed", _values(moved))} if moved else {}
        for effect in self.effects:
            if effect.pairs:
                shifts = [(pair.question, pair.after - pair.before) for pair in effect.pairs]
                found[f"shift by {effect.name}"] = Measure(effect.shift, "signed", _values(shifts))
        return found

    def broken(self) -> list[str]:
        """What a fair judge would not have done: see ``Effect.broken``."""
        return [said for effect in self.effects if (said := effect.broken()) is not None]


def _values(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    return {str(key): value for key, value in by_question(pairs).items()}


def stress(
    judge: Any,
    described: Mapping[str, Any],
    game: Debate,
    task: Task,
    questions: Sequence[Question],
    path: Path,
    *,
    seed: int,
    reuse: bool | None,
    concurrency: int,
    on_failure: OnFailure,
    on_done: Callable[[int, int, bool], None],
) -> Stressed:
    """The test on each question that ``path`` does not hold already; those on which the judge failed are not kept.

    ``on_done`` is called with the questions done, those in all, and whether the last was tested now.

    Raises StoreError for a file of another judge, game or task.
    """
    identity = {"judge": dict(described), "game": game.name, "config": game.config, "task": task.full_name}
    kept = _open(path, as_json({**identity, "seed": seed}), reuse)
    effects: list[Sequence[Effect]] = []
    games = 0
    failures: Counter[str] = Counter()
    for done, question in enumerate(questions, start=1):
        if question.id not in kept:
            played = [0]
            found = stress_judge(
                judge,
                task,
                protocol=game,
                questions=[question],
                seed=seed,
                concurrency=concurrency,
                on_failure=on_failure,
                on_done=lambda _, total, played=played: played.append(total),  # type: ignore[misc]
            )
            effects.append(found.effects)
            failures.update(found.failures)
            if not found.failures:
                row = {
                    "question": question.id,
                    "games": played[-1],
                    "effects": [_row(effect) for effect in found.effects],
                }
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        else:
            effects.append([_effect(row) for row in kept[question.id]["effects"]])
            played = [kept[question.id]["games"]]
        games += played[-1]
        on_done(done, len(questions), question.id not in kept)
    return Stressed(_together(effects, seed), games, dict(failures))


def _open(path: Path, identity: Mapping[str, Any], reuse: bool | None) -> dict[str, Any]:
    """Question's id -> what is kept of it; begins the file where there is none."""
    rows = list(json_rows(path)) if regular_file(path).exists() and reuse is not False else []
    if not rows:
        path.write_text(json.dumps({"identity": identity}) + "\n", encoding="utf-8")
        return {}
    found = rows[0].get("identity", {})
    judges = [dict(side.get("judge", {})) for side in (found, identity)]
    prints = [judge.pop(FINGERPRINT, None) for judge in judges]
    fix = "Give another folder, or play anew (reuse=False, --fresh)"
    if difference := first_difference({**found, "judge": judges[0]}, {**identity, "judge": judges[1]}):
        raise StoreError(f"{path} holds a stress test of another kind than this one: {difference}. {fix}")
    if not reuse and (prints[0] != prints[1] or prints[0] is None):
        raise StoreError(
            f"{path} holds a stress test of another judge, or of one that can't be told from it. {fix}; if it is the "
            "same, say so (reuse=True, --reuse)"
        )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return {row["question"]: row for row in rows[1:]}


def _row(effect: Effect) -> dict[str, Any]:
    told = {name: getattr(effect, name) for name in ("name", "fair", "about", "example", "not_applicable", "seed")}
    return told | {name: [list(pair) for pair in getattr(effect, name)] for name in _PAIRS}


def _effect(row: Mapping[str, Any]) -> Effect:
    return Effect(**{**row, **{name: tuple([Pair(*pair) for pair in row[name]]) for name in _PAIRS}})


def _together(tests: Sequence[Sequence[Effect]], seed: int) -> tuple[Effect, ...]:
    """The effects of tests on one question each as those of one test."""
    found: dict[str, list[Effect]] = {}
    for effect in (effect for effects in tests for effect in effects):
        found.setdefault(effect.name, []).append(effect)
    merged = []
    for name, effects in found.items():
        said = next((effect for effect in effects if effect.not_applicable is None), effects[0])
        pairs = {kind: tuple([pair for effect in effects for pair in getattr(effect, kind)]) for kind in _PAIRS}
        merged.append(Effect(name, said.fair, said.about, **pairs, example=said.example,
                             not_applicable=said.not_applicable, seed=seed))  # fmt: skip
    return tuple(merged)
