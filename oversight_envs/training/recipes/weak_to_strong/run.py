"""Weak-to-strong generalisation: how much of what a strong model could do does it do with a weak judge's labels?

After Burns et al., *Weak-to-strong generalization* (arXiv 2312.09390): a weak judge learns from the truth, labels other
questions, and a strong model, which reads the passage, learns from these labels; a copy of it that learns from the
truth is the ceiling. What the weak judge reads may be debates on the question (Lang et al., *Debate helps
weak-to-strong generalization*, arXiv 2501.13124), or several of them. Measured is accuracy on held-out questions, and
the performance gap recovered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oversight_envs._files import json_rows
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.decisions import credits
from oversight_envs.evaluation.statistics import paired_difference, share
from oversight_envs.models import LanguageModel, TrainableEngine
from oversight_envs.training.checkpoint import Checkpoints, write_lines
from oversight_envs.training.curves import Column, Curve, Curves, CurvesPanel
from oversight_envs.training.judges import JudgeTrainer
from oversight_envs.training.logs import MetricsLog
from oversight_envs.training.minibatches import epoch_batch
from oversight_envs.training.recipes.weak_to_strong.config import CEILING, Stage, WeakToStrongConfig
from oversight_envs.training.recipes.weak_to_strong.measures import Credits, gap_recovered
from oversight_envs.training.recipes.weak_to_strong.reading import Labels, Reading, credits_of, mean_labels
from oversight_envs.training.recipes.weak_to_strong.students import StudentTrainer, hardened, labelled_cases

SUPERVISORS = "supervisors.jsonl"

CURVES = Curves(
    rows=SUPERVISORS,
    x="debates",
    names={"0": "none"},
    panels=(
        CurvesPanel(
            "accuracy on held-out questions",
            (
                Curve("ceiling", "strong, from the truth"),
                Curve("soft", "strong, from weak labels", "honest"),
                Curve("weak", "weak judge", "dishonest"),
            ),
            percent=True,
            chance=0.5,
        ),
        CurvesPanel("performance gap recovered", (Curve("soft_recovered", "from weak labels", "honest"),)),
    ),
    columns=(
        Column("debates read", "debates", "text"),
        Column("weak judge", "weak"),
        Column("strong, weak labels", "soft"),
        Column("strong, truth", "ceiling"),
        Column("gap recovered", "soft_recovered", "number"),
        Column("hard labels", "hard"),
        Column("confidence loss", "confidence"),
    ),
    sentences=(
        "After {last.debates} debates the weak judge is right on {last.weak:percent} of held-out questions, the "
        "strong model trained on its labels on {last.soft:percent}, and on the truth on {last.ceiling:percent}.",
    ),
)
"""How a run's supervisors are shown."""


class WeakToStrongRun:
    """One run, in one folder; what it holds already is not computed again.

    Args:
        config: its shape.
        blind, debate: what weak judges read where they read no debate, and of each debate.
        student: what the strong model reads: ``Reading(Direct(expert=True, both_orders=True))`` is the passage.
        train, test: tasks for training and measuring, of different splits.
        weak, strong: make a weak judge and a strong model to be trained in place, new ones for each call and always
            the same: ``load(name).copy``.
        folder: where metrics, measurements and checkpoints go.
    """

    def __init__(
        self,
        config: WeakToStrongConfig,
        *,
        blind: Reading,
        debate: Reading,
        student: Reading,
        train: Task,
        test: Task,
        weak: Callable[[], LanguageModel],
        strong: Callable[[], LanguageModel],
        folder: str | Path,
    ) -> None:
        if train.full_name == test.full_name:
            raise ValueError(f"train and test are both {train.name!r}, split {train.split!r}: give different splits")
        self.config, self.supervisors, self.student = config, (blind, debate), student
        self.train_task, self.test_task = train, test
        self.weak, self.strong = weak, strong
        drawn = train.sample(config.weak_questions + config.student_questions, seed=config.seed)
        self.weak_questions, self.questions = drawn[: config.weak_questions], drawn[config.weak_questions :]
        self.held_out = test.sample(config.held_out, seed=config.seed)
        self.folder = Path(folder)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", asdict(config))
        self._read: list[Record] | None = None

    def run(self, on_step: Callable[[int, str, Mapping[str, float]], None] | None = None) -> list[dict[str, Any]]:
        """Trains to the end, or goes on to it; one row for each supervisor, also in ``supervisors.jsonl``.

        ``on_step(step, stage, statistics)`` is called after each step, for progress bars.
        """
        position, state = self.checkpoints.latest() or (0, {"rows": []})
        CURVES.write(self.folder)
        rows: list[dict[str, Any]] = state["rows"]
        begins = 0
        with MetricsLog(self.folder, after=position) as log:
            for stage in self.config.stages:
                if stage.name not in state:
                    trainer, batch = self._training(stage, state)
                    if position > begins:
                        self.checkpoints.load({"model": trainer})
                    for step in range(position - begins, stage.steps):
                        statistics = trainer.step(batch(step))
                        position += 1
                        log.write(position, {f"{stage.name}/{name}": value for name, value in statistics.items()})
                        if step + 1 < stage.steps and position % self.config.checkpoint_every == 0:
                            self.checkpoints.save(position, {"model": trainer}, state)
                        if on_step is not None:
                            on_step(position, stage.name, statistics)
                    state[stage.name] = self._measured(stage, trainer.lm)
                    if stage.kind == self.config.losses[-1]:
                        rows.append(self._row(stage.debates, state))
                        write_lines(self.folder / SUPERVISORS, rows)
                    self.checkpoints.save(position, {"model": trainer}, state)
                begins += stage.steps
        return rows

    def _training(
        self, stage: Stage, state: Mapping[str, Any]
    ) -> tuple[JudgeTrainer | StudentTrainer, Callable[[int], Any]]:
        """What trains a stage's model, and what it is given in each step."""
        config, seed = self.config, self.config.seed
        if stage.kind == "weak":
            reading = self.supervisors[stage.debates]
            records = reading.records(self.train_task, self.weak_questions, seed=derive_seed(seed, "weak judges read"))
            judge = JudgeTrainer(self.weak(), config.weak)
            return judge, lambda step: epoch_batch(records, step, config.batch, seed)
        lm = self.strong()
        if self._read is None:
            self._read = self.student.records(self.train_task, self.questions, seed=derive_seed(seed, "students read"))
        cases = labelled_cases(self._read, self._labels(stage, state), lm)
        own = config.confidence if stage.kind == "confidence" else 0.0
        warmup = round(config.confidence_warmup * stage.steps)
        student = StudentTrainer(lm, config.student, confidence=own, warmup=warmup)
        return student, lambda step: [case for game in epoch_batch(cases, step, config.batch, seed) for case in game]

    def _labels(self, stage: Stage, state: Mapping[str, Any]) -> Labels:
        """What the supervisor of a student, or of the ceiling, says of its questions."""
        if stage.kind == CEILING:
            return {q.id: [float(option == q.truth) for option in range(len(q.options))] for q in self.questions}
        given: Labels = state[f"weak-{min(stage.debates, 1)}"]["labels"][str(stage.debates)]
        return {id: hardened(p) for id, p in given.items()} if stage.kind == "hard" else given

    def _measured(self, stage: Stage, lm: TrainableEngine) -> dict[str, Any]:
        """Whether a stage's model is right on each held-out question; of a weak judge also the labels that it gives.

        A weak judge is measured as it labels: after as many debates.
        """
        if stage.kind != "weak":
            found = {"credits": self._credits(lm)}
            return found | ({"before": self._credits(self.strong())} if stage.kind == CEILING else {})
        counts = [count for count in self.config.debates if min(count, 1) == stage.debates]
        games = {str(count): max(1, count) for count in counts}
        measured: dict[str, Any] = {}
        for what, task, questions in (
            ("labels", self.train_task, self.questions),
            ("held_out", self.test_task, self.held_out),
        ):
            seed = derive_seed(self.config.seed, "weak judges decide", what)
            reading = self.supervisors[stage.debates]
            records = reading.records(task, questions, lm=lm, samples=max(games.values()), seed=seed)
            measured[what] = {count: mean_labels(records, number) for count, number in games.items()}
        return measured

    def _credits(self, lm: TrainableEngine) -> dict[str, float]:
        """Whether a strong model is right on each held-out question."""
        records = self.student.records(self.test_task, self.held_out, lm=lm, seed=1)
        return {str(id): credit for id, credit in credits(records)}

    def _row(self, count: int, state: Mapping[str, Any]) -> dict[str, Any]:
        """What came of the supervisor that reads ``count`` debates."""
        given = state[f"weak-{min(count, 1)}"]
        weak, ceiling = credits_of(given["held_out"][str(count)], self.held_out), state[CEILING]["credits"]
        blind = credits_of(state["weak-0"]["held_out"]["0"], self.held_out) if "weak-0" in state else None
        row: dict[str, Any] = {
            "debates": count,
            "weak": _share(weak),
            "labels": _share(credits_of(given["labels"][str(count)], self.questions)),
            "ceiling": _share(ceiling),
            "before": _share(state[CEILING]["before"]),
        }
        for loss in self.config.losses:
            student = state[f"{loss}-{count}"]["credits"]
            row[loss] = _share(student)
            row[f"{loss}_gain"] = asdict(paired_difference(student.items(), weak.items()))
            row[f"{loss}_recovered"] = asdict(gap_recovered(weak, student, ceiling))
            if blind is not None:  # one yardstick for all supervisors
                row[f"{loss}_recovered_from_blind"] = asdict(gap_recovered(blind, student, ceiling))
        return row


def read_supervisors(folder: str | Path) -> list[dict[str, Any]]:
    """The rows that the run in ``folder`` has made so far."""
    path = Path(folder) / SUPERVISORS
    return list(json_rows(path)) if path.exists() else []


def _share(found: Credits) -> dict[str, Any]:
    return asdict(share(found.items()))
