"""A protocol on a task beside its two baselines: the same judge, on the same questions, blind and with the passage.

A protocol is worth something where its judge does better than blind; the expert is what it could reach. Every condition
keeps its own file of episodes, so a run that was stopped goes on where it was, and configurations are never pooled.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from oversight_envs._files import write_whole
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.record_json import as_json
from oversight_envs.core.rewards import RewardRule
from oversight_envs.evaluation.metrics import Metrics, compare, measure
from oversight_envs.evaluation.statistics import Estimate
from oversight_envs.play import StoreError, read_episodes, rollout
from oversight_envs.protocols import Direct

SUMMARY = 1
"""Version of ``summary.json``."""
RUN = "run.json"
BASELINES = ("blind", "expert")
LIBRARIES = ("oversight-envs", "numpy", "scipy", "torch", "transformers")


@dataclass(frozen=True)
class Evaluation:
    """The records of an evaluation by condition, the one that it is about first, and what they come to."""

    conditions: Mapping[str, Sequence[Record]]
    name: str = ""
    seed: int = 0

    @property
    def main(self) -> str:
        return next(iter(self.conditions))

    @cached_property
    def metrics(self) -> dict[str, Metrics]:
        return {name: measure(records) for name, records in self.conditions.items()}

    @cached_property
    def gains(self) -> dict[str, Estimate]:
        """Baseline -> how much more often the judge was right in the main condition, on the same questions."""
        return {
            name: compare(self.conditions[self.main], records, seed=self.seed)
            for name, records in self.conditions.items()
            if name != self.main and self.metrics[name].decisions and self.metrics[self.main].decisions
        }

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """The evaluation kept in a run folder, or in one file of episodes.

        Raises FileNotFoundError where there is none, and ValueError for a malformed line, by its number.
        """
        path = Path(path)
        if path.is_dir():
            files = sorted(path.glob("*.jsonl"), key=lambda file: (file.stem in BASELINES, file.stem))
            if not files:
                raise FileNotFoundError(f"{path}: no .jsonl file of episodes in this folder")
        elif path.is_file():
            files = [path]
        else:
            raise FileNotFoundError(f"{path}: no such file or folder")
        conditions = {file.stem: list(read_episodes(file)) for file in files}
        conditions = {name: records for name, records in conditions.items() if records}  # not begun when it was stopped
        if not conditions:
            raise ValueError(f"{path}: no finished episode here")
        return cls(conditions, name=_name(path))


def evaluate(
    protocol: Protocol,
    task: Task,
    players: Players,
    *,
    out: str | Path,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    baselines: Sequence[str] | None = None,
    seed: int = 0,
    reward: str | RewardRule | None = None,
    concurrency: int = 32,
    about: Mapping[str, Any] | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Plays ``protocol`` and its baselines on the same questions.

    Args:
        protocol, task, players: the game, where questions come from, and who plays.
        out: a folder for ``<protocol>.jsonl``, ``blind.jsonl`` and ``expert.jsonl`` (episodes, written as they end and
            not played again), ``run.json`` (how they were played; a folder of another run is refused) and
            ``summary.json``.
        questions: how many (all when None), or the questions themselves: with passages that were cut to what models can
            read (``models.fit_passage``), say, so that all conditions share them.
        samples: episodes of the protocol on each question; the baselines play each once.
        baselines: which of ``BASELINES``. None takes those that make sense: none where no role decides between options,
            or several do, no expert where there is no passage. They are those of ``protocol.baselines()``, so that
            wording and answer orders are the protocol's own.
        seed, reward, concurrency: as for ``rollout``.
        about: what else ``run.json`` is to say of the task (its options).
        on_record: called with a condition's name, episodes done and episodes in all, for progress bars.
    """
    chosen = task.sample(questions, seed=seed) if questions is None or isinstance(questions, int) else questions
    judges = [name for name, role in protocol.roles.items() if "decide" in role.does]
    sensible = sensible_baselines(protocol, chosen) if len(judges) == 1 and baselines != () else {}
    wanted = tuple(sensible) if baselines is None else tuple(baselines)
    for baseline in wanted:
        if baseline not in BASELINES:
            raise ValueError(f"baselines={baseline!r}: choose from {', '.join(BASELINES)}")
        if baseline not in sensible:
            raise ValueError(f"baselines={baseline!r} makes no sense for {protocol.name} on task {task.name!r}")
    filled = check_players(protocol, players, knows=(task, chosen))
    folder = Path(out)
    settings = {
        "protocol": protocol.name,
        "config": protocol.config,
        "task": {"name": task.name, "split": task.split, **(dict(about) if about else {})},
        "samples": samples,
        "seed": seed,
        "players": {role: describe_player(player) for role, player in filled.items()},
    }
    _claim(folder, settings)
    conditions = {}
    for name, game in {protocol.name: protocol, **{name: sensible[name] for name in wanted}}.items():
        main = game is protocol
        conditions[name] = rollout(
            game,
            task,
            filled if main else {"judge_0": filled[judges[0]]},
            questions=chosen,
            samples=samples if main else 1,
            seed=seed,
            reward=reward if main else None,
            path=folder / f"{name}.jsonl",
            concurrency=concurrency,
            on_record=partial(_tell, on_record, name),
        )
    evaluation = Evaluation(conditions, name=f"{protocol.name} on {task.name}", seed=seed)
    _write(folder / "summary.json", summary(evaluation, {**settings, "questions": len(chosen)}))
    return evaluation


def _tell(
    on_record: Callable[[str, int, int], None] | None, name: str, _: Record | None, done: int, total: int
) -> None:
    if on_record is not None:
        on_record(name, done, total)


def summary(evaluation: Evaluation, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``summary.json`` holds: how the run was made, and its metrics. Numbers that are undefined are null."""
    return {
        "version": SUMMARY,
        "settings": dict(settings),
        "libraries": {"python": platform.python_version(), **_versions()},
        "metrics": {name: asdict(metrics) for name, metrics in evaluation.metrics.items()},
        "gain_in_accuracy_over": {name: asdict(gain) for name, gain in evaluation.gains.items()},
    }


def _name(path: Path) -> str:
    """What a run is called: by its ``run.json``, else by its folder or file."""
    if path.is_file():
        return path.stem
    try:
        run = json.loads((path / RUN).read_text(encoding="utf-8"))
        return f"{run['protocol']} on {run['task']['name']}"
    except (OSError, ValueError, KeyError, TypeError):
        return path.name


def _claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Writes ``run.json``, or raises StoreError where the folder is another run's. More questions are the same run."""
    path = folder / RUN
    plain = as_json(settings)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, plain)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key in plain if found.get(key) != plain[key]]
    except (ValueError, AttributeError) as error:
        raise StoreError(f"{path} is damaged ({error}): remove it, or give another folder") from error
    if other:
        key = other[0]
        raise StoreError(
            f"{folder} holds a run with another {key}: {found.get(key)!r:.300}; this one has {plain[key]!r:.300}. "
            "Give another folder, or the options of the earlier run"
        )


def sensible_baselines(protocol: Protocol, questions: Sequence[Question]) -> dict[str, Protocol]:
    """The games that a protocol with one judge is compared with on these questions."""
    if isinstance(protocol, Direct):
        return {}
    games = dict(protocol.baselines()) or {name: Direct(expert=name == "expert") for name in BASELINES}
    if not any(question.passage for question in questions):
        games.pop("expert", None)
    return games


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Written beside and moved into place, so that a kill never leaves half a summary."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
