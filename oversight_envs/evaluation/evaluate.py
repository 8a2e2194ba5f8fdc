"""A protocol on a task beside its two baselines: the same judge, on the same questions, blind and with the passage.

A protocol is worth something where its judge does better than blind; the expert is what it could reach. Every condition
keeps its own file of episodes, so a run that was stopped goes on where it was, and configurations are never pooled.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from oversight_envs._files import make_folder, regular_file, write_whole
from oversight_envs.core.checks import at_least, one_of, whole
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.record_json import as_json
from oversight_envs.core.rewards import RewardRule
from oversight_envs.core.usage import Usage, summed_by_role, usage_to_json
from oversight_envs.evaluation.metrics import Metrics, compare, measure
from oversight_envs.evaluation.records import as_records
from oversight_envs.evaluation.rows import to_frame
from oversight_envs.evaluation.statistics import Estimate
from oversight_envs.play import RayEngine, StoreError, estimate, failed_path, read_episodes, rollout
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.identity import first_difference
from oversight_envs.play.rollout import as_protocol, as_task, choose
from oversight_envs.play.sides import Sides, episode_seeds
from oversight_envs.protocols import Direct

SUMMARY = 1
"""Version of ``summary.json``."""
RUN = "run.json"
BASELINES = ("blind", "expert")
LIBRARIES = ("oversight-envs", "numpy", "scipy", "torch", "transformers", "vllm", "llama-cpp-python")


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The records of an evaluation by condition, the one that it is about first, and what they come to."""

    conditions: Mapping[str, Sequence[Record]]
    name: str = ""
    seed: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, as its folder keeps it: ``settings`` and ``libraries``. Empty for records without a folder."""

    def __post_init__(self) -> None:
        if not isinstance(self.conditions, Mapping) or not self.conditions:
            fix = "give records by condition, the main one first: {'debate': records}"
            raise TypeError(f"conditions={self.conditions!r:.80}: {fix}")
        checked = {name: as_records(records, f"conditions[{name!r}]") for name, records in self.conditions.items()}
        object.__setattr__(self, "conditions", checked)
        at_least("seed", self.seed, 0)

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

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(records)}" for name, records in self.conditions.items())
        return f"<Evaluation {self.name}: episodes {counts}>" if self.name else f"<Evaluation: episodes {counts}>"

    def __str__(self) -> str:
        """A few lines: each condition's accuracy, and what the main one gains over the others."""
        lines = [self.name or self.main]
        for name, metrics in self.metrics.items():
            counted = f"  {name}: {metrics.episodes} episodes on {metrics.questions} questions"
            counted += f", {metrics.truncated} without a result" if metrics.truncated else ""
            counted += f", {metrics.failed} failed" if metrics.failed else ""
            told = []
            if metrics.decisions is not None:
                told.append(
                    f"accuracy {metrics.decisions.accuracy.text('percent')} (chance {metrics.decisions.chance:.0%})"
                )
            if metrics.solutions is not None:
                told += [f"{role} right {found.text('percent')}" for role, found in metrics.solutions.accuracy.items()]
                told.append(f"verifier's AUC {metrics.solutions.auc.text()}")
            lines.append("; ".join([counted, *told]))
        lines += [f"  gain over {name}: {gain.text('points')}" for name, gain in self.gains.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str | None:
        """The evaluation as a notebook shows it: its report. None, which means plain text, without the extra."""
        try:  # by name: reports are above
            page: str = import_module("oversight_envs.report.report").frame_evaluation(self)
        except ImportError:
            return None
        return page

    def to_frame(self) -> Any:
        """A pandas DataFrame with one row for each episode of each condition: see ``to_rows``."""
        return to_frame(self.conditions)

    def usage(self, condition: str) -> Usage:
        """What the condition took of models behind servers, by role."""
        return summed_by_role(record.usage for record in self.conditions[condition])

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """The evaluation kept in a run folder, or in one file of episodes; with those that failed when it last ran.

        Raises FileNotFoundError where there is none, and ValueError for a malformed line, by its number.
        """
        path = Path(path)
        if path.is_dir():
            files = sorted(path.glob("*.jsonl"), key=lambda file: (file.stem in BASELINES, file.stem))
            if not files:
                raise FileNotFoundError(f"{path}: no .jsonl file of episodes in this folder")
        elif regular_file(path).is_file():
            files = [path]
        else:
            raise FileNotFoundError(f"{path}: no such file or folder")
        conditions = {clean_text(file.stem): [*read_episodes(file), *_failed_episodes(file)] for file in files}
        conditions = {name: records for name, records in conditions.items() if records}  # not begun when it was stopped
        if not conditions:
            raise ValueError(f"{path}: no finished episode here")
        return cls(conditions, name=_name(path), about=_about(path) if path.is_dir() else {})


def evaluate(
    protocol: Protocol | str,
    task: Task | str,
    players: Players,
    *,
    out: str | Path,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    sides: Sides = "drawn",
    baselines: str | Sequence[str] | None = None,
    seed: int = 0,
    reward: str | RewardRule | None = None,
    concurrency: int = 32,
    reuse: bool | None = None,
    on_failure: OnFailure = "raise",
    engine: RayEngine | Literal["ray"] | None = None,
    about: Mapping[str, Any] | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Plays ``protocol`` and its baselines on the same questions.

    Args:
        protocol, task, players: the game, where questions come from, and who plays; or their names.
        out: a folder for ``<protocol>.jsonl``, ``blind.jsonl`` and ``expert.jsonl`` (episodes, written as they end and
            not played again; failed ones beside them, in ``<protocol>.jsonl.failed``), ``run.json`` (how they were
            played; a folder of another run is refused) and ``summary.json``.
        questions: how many (all when None), or the questions themselves: with passages that were cut to what models can
            read (``models.fit_passage``), say, so that all conditions share them.
        samples: episodes of the protocol on each question; the baselines play each once.
        sides: "both" plays each sample twice, the second time with the sides exchanged, so that who argues for the
            truth is balanced on every question.
        baselines: which of ``BASELINES``, or one of them. None takes those that make sense: none where no role decides
            between options, or several do, no expert where there is no passage. They are those of
            ``protocol.baselines()``, so that wording and answer orders are the protocol's own.
        seed, reward, concurrency, reuse, on_failure, engine: as for ``rollout``. Failed episodes are in the result;
            metrics count how many they are, and leave them out.
        about: what else ``run.json`` is to say of the task (its options).
        on_record: called with a condition's name, episodes done and episodes in all, for progress bars.
    """
    protocol, task, seed = as_protocol(protocol), as_task(task), whole("seed", seed)
    at_least("samples", samples, 1)
    samples = int(samples)  # as run.json keeps it
    at_least("concurrency", concurrency, 1)
    one_of("on_failure", on_failure, ("raise", "record"))
    if not isinstance(out, str | os.PathLike):
        raise TypeError(f"out={out!r:.80}: give the path of a folder")
    if isinstance(baselines, str):
        baselines = (baselines,)
    chosen = choose(task, questions, seed)
    games = _games(protocol, task, chosen, baselines)
    filled = check_players(protocol, players, knows=(task, chosen))
    for question in chosen:  # what can't be played so is said before a folder is made
        episode_seeds(protocol, question, seed, samples=1, sides=sides)
    folder = Path(out)
    settings = {
        "protocol": protocol.name,
        "config": protocol.config,
        "task": {"name": task.name, "split": task.split, **(dict(about) if about else {})},
        "samples": samples,
        "sides": None if sides == "drawn" else sides,  # None, so that runs kept before there was a choice go on
        "seed": seed,
        "players": {role: describe_player(player) for role, player in filled.items()},
    }
    _claim(folder, settings, reuse)
    conditions = {}
    for name, game in games.items():
        main = game is protocol
        conditions[name] = rollout(
            game,
            task,
            filled if main else _judge_alone(protocol, filled),
            questions=chosen,
            samples=samples if main else 1,
            sides=sides if main else "drawn",
            seed=seed,
            reward=reward if main else None,
            path=folder / f"{name}.jsonl",
            reuse=reuse,
            concurrency=concurrency,
            on_failure=on_failure,
            engine=engine,
            on_record=partial(_tell, on_record, name),
        )
    settings["questions"] = len(chosen)
    made = as_json({"settings": settings, "libraries": library_versions()})
    evaluation = Evaluation(conditions, f"{protocol.name} on {task.name}", seed, made)
    _write(folder / "summary.json", summary(evaluation, settings))
    return evaluation


def estimate_evaluation(
    protocol: Protocol,
    task: Task,
    players: Players,
    *,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    sides: Sides = "drawn",
    baselines: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Usage]:
    """Condition -> what ``evaluate`` would take of models behind servers, if nothing were stored: see ``estimate``."""
    chosen = choose(task, questions, seed)
    filled = check_players(protocol, players, knows=(task, chosen))
    return {
        name: estimate(game, filled, chosen, samples=samples, sides=sides, seed=seed)
        if game is protocol
        else estimate(game, _judge_alone(protocol, filled), chosen, seed=seed)
        for name, game in _games(protocol, task, chosen, baselines).items()
    }


def _failed_episodes(path: Path) -> Iterator[Record]:
    failed = failed_path(path)
    return read_episodes(failed) if failed.exists() else iter(())


def _games(
    protocol: Protocol, task: Task, questions: Sequence[Question], baselines: Sequence[str] | None
) -> dict[str, Protocol]:
    """Condition -> its game, the one that the evaluation is about first."""
    sensible = {}
    if len(_judges(protocol)) == 1 and baselines != ():
        sensible = sensible_baselines(protocol, questions)
    wanted = tuple(sensible) if baselines is None else tuple(baselines)
    for baseline in wanted:
        if baseline not in BASELINES:
            raise ValueError(f"baselines={baseline!r}: choose from {', '.join(BASELINES)}")
        if baseline not in sensible:
            raise ValueError(f"baselines={baseline!r} makes no sense for {protocol.name} on task {task.name!r}")
    return {protocol.name: protocol, **{name: sensible[name] for name in wanted}}


def _judges(protocol: Protocol) -> list[str]:
    return [name for name, role in protocol.roles.items() if "decide" in role.does]


def _judge_alone(protocol: Protocol, players: Players) -> Players:
    return {"judge_0": players[_judges(protocol)[0]]}


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
        "libraries": library_versions(),
        "metrics": {name: asdict(metrics) for name, metrics in evaluation.metrics.items()},
        "gain_in_accuracy_over": {name: asdict(gain) for name, gain in evaluation.gains.items()},
        **({"usage": usage} if (usage := _usage(evaluation)) else {}),
    }


def _usage(evaluation: Evaluation) -> dict[str, Any]:
    """Condition -> what it took of models behind servers; those that took nothing left out."""
    usages = {name: evaluation.usage(name) for name in evaluation.conditions}
    return {name: usage_to_json(usage) for name, usage in usages.items() if usage}


def _name(path: Path) -> str:
    """What a run is called: by its ``run.json``, else by its folder or file."""
    run = _kept(path / RUN) if path.is_dir() else {}
    task = run.get("task")
    if isinstance(task, Mapping) and "name" in task and "protocol" in run:
        return clean_text(f"{run['protocol']} on {task['name']}")
    return clean_text(path.stem if path.is_file() else path.name)


def _about(folder: Path) -> dict[str, Any]:
    """What a run's folder says of how it was made; of a run that was stopped there is no summary yet."""
    kept = _kept(folder / "summary.json")
    settings, libraries = (kept[key] if isinstance(kept.get(key), Mapping) else {} for key in ("settings", "libraries"))
    settings = {**settings, **_kept(folder / RUN)}
    return {"settings": settings, "libraries": libraries} if settings else {}


def _kept(path: Path) -> dict[str, Any]:
    """A JSON object that a run's folder keeps beside its episodes; empty where there is none to read."""
    try:
        found = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _claim(folder: Path, settings: Mapping[str, Any], reuse: bool | None) -> None:
    """Writes ``run.json``, or raises StoreError where the folder is another run's. More questions are the same run."""
    path = regular_file(make_folder(folder) / RUN)
    plain = as_json(settings)
    if not path.exists() or reuse is False:
        _write(path, plain)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        difference = first_difference({key: found.get(key) for key in plain}, plain)
    except (ValueError, AttributeError) as error:
        raise StoreError(f"{path} is damaged ({error}): remove it, or give another folder") from error
    if difference:
        raise StoreError(
            f"{folder} holds a run that was played in another way than this one is: {difference}. Give another folder, "
            "the options of the earlier run, or play anew (reuse=False, --fresh)"
        )


def sensible_baselines(protocol: Protocol, questions: Sequence[Question]) -> dict[str, Protocol]:
    """The games that a protocol with one judge is compared with on these questions."""
    if isinstance(protocol, Direct):
        return {}
    games = dict(protocol.baselines()) or {name: Direct(expert=name == "expert") for name in BASELINES}
    if not any(question.passage for question in questions):
        games.pop("expert", None)
    return games


def library_versions() -> dict[str, str]:
    """Python's version, and those of ``LIBRARIES`` that are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Written beside and moved into place, so that a kill never leaves half a summary."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
