"""The main job, start to end: games of a small real language model, measured; tiny models trained; the report.

Sized for two cores: speeches of at most 60 words, six questions, sums of two steps, a small part of the published
trainings, side by side. Everything is kept under one folder; a demo that was stopped
goes on where it was.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from oversight_envs.cli.cast import Cast
from oversight_envs.cli.play import play
from oversight_envs.cli.runs import run_evaluation
from oversight_envs.cli.table import show_evaluation
from oversight_envs.cli.train import TrainingRun, show_training, train
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Task
from oversight_envs.protocols import Debate, ProverVerifier
from oversight_envs.tasks import make_task

SEED = 0
QUESTIONS = 6
"""The first ones of each task: those on passages share two passages, which are read once."""
DEBATE = ("questions=320", "held_out=100")
PROVERS = (
    "rounds=2", "verifier_problems=250", "verifier_steps=80", "prover_steps=12", "attack_steps=10", "checkers=1",
    "checker_steps=40", "held_out=60", "best_of_solutions=8",
)  # fmt: skip
SUMS: dict[str, Any] = {"style": "chain", "steps": 2}
"""The easiest problems: a model of 135M parameters is lost in longer ones."""
COMES = """\
What comes, in about four minutes on two free cores (longer the first time, when the model's file is converted, and
where other programs are busy):
  1. a debate and a prover-verifier game, live: {model} plays every role
  2. both games measured, on {questions} questions each: far too few to conclude anything
  3. tiny models trained at both games, side by side: a small part of the published runs
  4. a report with transcripts and curves
Ctrl-C stops it; the same command goes on."""


def run_demo(console: Console, out: Path, model: str) -> None:
    """Two episodes shown live, two small evaluations, two short trainings, and the report under ``out``."""
    from oversight_envs.models import unload
    from oversight_envs.report.report import write_report

    started = time.perf_counter()
    console.print(Text(COMES.format(model=model, questions=QUESTIONS)))
    cast = Cast(model, max_new_tokens=80)
    games: list[tuple[str, Protocol, Task]] = [
        ("A debate", Debate(max_words=60), make_task("passages")),
        ("A prover-verifier game", ProverVerifier(max_words=60), make_task("arithmetic", **SUMS)),
    ]
    for title, game, task in games:
        _say(console, f"{title}: {model} plays every role")
        question = task.sample(1, seed=SEED)[0]
        play(console, game, task, question, cast.players(game, task, [question]), seed=SEED)
    evaluations = []
    for _, game, task in games:
        _say(console, f"{game.name} on {QUESTIONS} questions of {task.name}")
        folder = out / game.name
        about = SUMS if task.name == "arithmetic" else {}
        chosen = [task[index] for index in range(QUESTIONS)]
        evaluations.append(run_evaluation(game, task, cast, questions=chosen, out=folder, seed=SEED, about=about))
        show_evaluation(console, evaluations[-1])
    del cast
    unload()  # its memory is for the trainings
    _say(console, "Training tiny models, side by side: self-play debate, and prover-verifier rounds")
    trainings = train(
        console,
        [
            TrainingRun("debate", out / "self-play-debate", SEED, DEBATE),
            TrainingRun("prover_verifier", out / "prover-verifier-rounds", SEED, PROVERS),
        ],
    )
    for training in trainings:
        show_training(console, training)
    page, pictures = write_report([*trainings, *evaluations], out / "report.html", heading="oversight-envs demo")
    _say(console, "Where to look")
    console.print(Text(f"report:   {page}\npictures: {len(pictures)} beside it\nepisodes: {out}/*/*.jsonl"))
    plain = (
        "A model of 135 million parameters can hardly read these passages, argue about them or judge them: expect "
        "everything near chance. What its games show is that they run, not that debate works or fails. The tiny models "
        "are made for their two tasks, and do learn: see the curves in the report."
    )
    console.print(Text(plain if model.startswith("smollm2-135m") else "These are few questions: mind the intervals."))
    console.print(Text(f"{time.perf_counter() - started:.0f} s", style="dim"))


def _say(console: Console, line: str) -> None:
    console.print()
    console.print(Rule(Text(line, style="bold"), align="left"))
