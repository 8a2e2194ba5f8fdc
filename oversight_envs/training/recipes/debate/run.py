"""Self-play debate: debaters learn by PPO on the judge's log-odds, the judge learns from the same debates.

After Anthropic's fall 2023 debate update: two copies of one model debate, the reward is the judge's logit difference,
the judge is trained by supervised learning on the right answer beside a *blind* judge that sees no arguments, and what
is asked of held-out questions is whether debaters get more convincing (under a judge that they were *not* trained
against) and whether the judge gets more accurate than the blind one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oversight_envs._files import json_rows
from oversight_envs._options import make_plain
from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.players import Players
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Speaker
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.metrics import measure
from oversight_envs.judges import LogitJudge
from oversight_envs.models import LanguageModel
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate, Direct
from oversight_envs.protocols.debate import DEBATERS
from oversight_envs.training.checkpoint import Checkpoints, Part, write_lines
from oversight_envs.training.curves import Column, Curve, Curves, CurvesPanel
from oversight_envs.training.judges import JudgeConfig, JudgeTrainer
from oversight_envs.training.logs import MetricsLog
from oversight_envs.training.minibatches import epoch_batch
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.ppo import PPO, PPOConfig
from oversight_envs.training.recipes.debate.held_out import HeldOut

EVALUATIONS = "evaluations.jsonl"

CURVES = Curves(
    rows=EVALUATIONS,
    x="step",
    panels=(
        CurvesPanel(
            "accuracy on held-out questions",
            (Curve("judge_accuracy", "judge", "honest"), Curve("blind_accuracy", "blind judge")),
            percent=True,
            chance=0.5,
        ),
        CurvesPanel(
            "reward, held-out judge and truth",
            (
                Curve("convincingness_trained_against", "beats the initial one, judge trained against", "dishonest"),
                Curve("convincingness", "the same, held-out judge", "honest"),
                Curve("dishonest_verified", "true quotes of the dishonest side"),
            ),
            percent=True,
            chance=0.5,
        ),
    ),
    columns=(
        Column("step", "step", "text"),
        Column("judge", "judge_accuracy"),
        Column("blind judge", "blind_accuracy"),
        Column("beats the initial debater", "convincingness"),
        Column("honest quotes verified", "honest_verified"),
        Column("dishonest quotes verified", "dishonest_verified"),
    ),
    sentences=(
        "After {last.step} steps the judge is right on {last.judge_accuracy:percent} of held-out questions (before: "
        "{first.judge_accuracy:percent}), the blind judge on {last.blind_accuracy:percent}.",
        "The trained debater beats the initial one in {last.convincingness:percent} of debates, under a judge that it "
        "was not trained against.",
        "Under the judge that it is trained against it does in {last.convincingness_trained_against:percent}; of the "
        "dishonest side's quotes {last.dishonest_verified:percent} are true (before: "
        "{first.dishonest_verified:percent}).",
    ),
)
"""How a run's evaluations are shown."""


@dataclass(frozen=True, kw_only=True)
class DebateConfig:
    """The shape of a run; the published one is the default."""

    questions: int = 1586
    """Training questions."""
    epochs: int = 2
    """How often each is debated."""
    held_out: int = 500
    """Questions to measure on, of another split."""
    batch: int = 32
    """Questions in one step."""
    samples: int = 1
    """Debates on each question of a step; estimators that compare samples (rloo, grpo) need at least 2."""
    evaluations: int = 3
    """How often is measured, the start and the end included (at least 2)."""
    best_of: tuple[int, ...] = ()
    """N of the best-of-N curves, measured before and after training."""
    train_debater: bool = True
    """False keeps the debaters as they were: the control that shows what the judge learns without their learning."""
    train_judge: bool = True
    """False keeps the judge frozen: the control that shows what an unguarded judge is exploited for."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    """Of the judge and of the blind judge alike, so that both get equal updates."""
    seed: int = 0
    checkpoint_every: int = 10
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        make_plain(self)
        at_least("seed", self.seed, 0)
        for name in ("train_debater", "train_judge"):
            one_of(name, getattr(self, name), (True, False))
        for name in ("questions", "epochs", "held_out", "batch", "samples", "checkpoint_every"):
            at_least(name, getattr(self, name), 1)
        at_least("evaluations", self.evaluations, 2)
        if self.questions < self.batch:
            raise ValueError(f"questions={self.questions} are fewer than a batch of {self.batch}: lower batch")
        if self.ppo.estimator in ("rloo", "grpo") and self.samples < 2:
            raise ValueError(f"samples={self.samples}: estimator {self.ppo.estimator!r} compares at least 2")
        for n in self.best_of:
            at_least("best_of", n, 1)

    @property
    def steps(self) -> int:
        """How many steps a run has; a last batch that is not full is left out."""
        return self.epochs * self.questions // self.batch

    def evaluated(self) -> list[int]:
        """The steps before which (or, for the last, after which) is measured."""
        return sorted({round(k * self.steps / (self.evaluations - 1)) for k in range(self.evaluations)})


class DebateRun:
    """One run, in one folder; what it holds already is not computed again.

    Args:
        config: its shape.
        game: the debate; ``both_orders=True`` trains and asks the judge under both orders.
        blind: the blind judge's game.
        train, test: tasks for training and measuring, of different splits.
        policy: the debater. ``initial`` is the same before training, against which it is measured.
        judge, blind_judge: trained in place, so they must be different models.
        held_out_judge: the judge that the debaters are measured by and never trained against.
        folder: where metrics, evaluations and checkpoints go.
    """

    def __init__(
        self,
        config: DebateConfig,
        *,
        game: Debate,
        blind: Direct,
        train: Task,
        test: Task,
        policy: TextPolicy,
        initial: Speaker,
        judge: LanguageModel,
        blind_judge: LanguageModel,
        held_out_judge: LanguageModel,
        folder: str | Path,
    ) -> None:
        if len({id(lm.model) for lm in (judge, blind_judge, held_out_judge, policy.lm)}) < 4:
            raise ValueError("policy, judge, blind_judge and held_out_judge must be different models: give copies")
        if train.full_name == test.full_name:
            raise ValueError(f"train and test are both {train.name!r}, split {train.split!r}: give different splits")
        self.config, self.game, self.blind = config, game, blind
        self.train_task, self.policy, self.initial = train, policy, initial
        self.judge, self.blind_judge, self.held_out_judge = judge, blind_judge, held_out_judge
        self.ppo = PPO(policy, DEBATERS, config.ppo)
        self.judge_trainer = JudgeTrainer(judge, config.judge)
        self.blind_trainer = JudgeTrainer(blind_judge, config.judge)
        self.questions = train.sample(config.questions, seed=config.seed)
        held_out = test.sample(config.held_out, seed=config.seed)
        self.measures = HeldOut(game, blind, test, held_out, initial=initial, judge=held_out_judge)
        self.folder = Path(folder)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", asdict(config))

    def run(self, on_step: Callable[[int, Mapping[str, float]], None] | None = None) -> list[dict[str, Any]]:
        """Trains to the end, or goes on to it, and returns the evaluations (also in ``evaluations.jsonl``, as made).

        ``on_step(step, statistics)`` is called after each step, for progress bars.
        """
        parts: dict[str, Part] = {"ppo": self.ppo, "judge": self.judge_trainer, "blind": self.blind_trainer}
        found = self.checkpoints.load(parts)
        start = found[0] if found is not None else 0
        evaluations = [] if found is None else [e for e in read_evaluations(self.folder) if e["step"] <= start]
        CURVES.write(self.folder)
        with MetricsLog(self.folder, after=start) as log:
            for step in range(start, self.config.steps + 1):
                if step in self.config.evaluated() and all(e["step"] != step for e in evaluations):
                    evaluations.append(self.evaluate(step))
                    write_lines(self.folder / EVALUATIONS, evaluations)
                if step == self.config.steps:
                    break
                statistics = self.step(step)
                log.write(step + 1, statistics)
                if (step + 1) % self.config.checkpoint_every == 0 or step + 1 == self.config.steps:
                    self.checkpoints.save(step + 1, parts)
                if on_step is not None:
                    on_step(step + 1, statistics)
        return evaluations

    def step(self, step: int) -> dict[str, float]:
        """One batch of debates: the debaters learn from the verdicts, the judge and the blind judge from the truth."""
        self._forget()
        config, seed = self.config, derive_seed(self.config.seed, "step", step)
        batch = epoch_batch(self.questions, step, config.batch, config.seed)
        players: Players = {"debater_0": self.policy, "debater_1": self.policy, "judge_0": LogitJudge(self.judge)}
        records = rollout(
            self.game,
            self.train_task,
            players,
            questions=batch,
            samples=config.samples,
            group=f"step-{step}",
            seed=seed,
        )
        statistics = {f"debate/{name}": value for name, value in _training_statistics(records).items()}
        blind = rollout(
            self.blind, self.train_task, {"judge_0": LogitJudge(self.blind_judge)}, questions=batch, seed=seed
        )
        if config.train_debater:
            statistics |= {f"ppo/{name}": value for name, value in self.ppo.step(records).items()}
        if config.train_judge:
            statistics |= {f"judge/{name}": value for name, value in self.judge_trainer.step(records).items()}
        # samples of one question are one and the same to a judge that sees no arguments: equal updates, not equal data
        statistics |= {f"blind/{name}": value for name, value in self.blind_trainer.step(blind).items()}
        return statistics

    def evaluate(self, step: int) -> dict[str, Any]:
        """What the debater, the judge and the blind judge of now come to on held-out questions (see ``HeldOut``)."""
        self._forget()
        found = {"step": step, **self.measures.measure(self.policy, self.judge, self.blind_judge)}
        if self.config.best_of and step in (0, self.config.steps):
            found["best_of"] = self.measures.best_of(self.policy, self.judge, self.config.best_of)
        return found

    def _forget(self) -> None:
        """What engines keep of earlier prompts changes rounding: a resumed run must not differ by it."""
        for lm in (
            self.policy.lm,
            self.judge,
            self.blind_judge,
            self.held_out_judge,
            getattr(self.initial, "lm", None),
        ):
            if lm is not None:
                lm.forget()


def read_evaluations(folder: str | Path) -> list[dict[str, Any]]:
    """The evaluations that the run in ``folder`` has made so far, in the order of the steps."""
    path = Path(folder) / EVALUATIONS
    return list(json_rows(path)) if path.exists() else []


def _training_statistics(records: Sequence[Record]) -> dict[str, float]:
    metrics = measure(records)
    if metrics.decisions is None:
        return {}
    numbers = {"judge_accuracy": metrics.decisions.accuracy.value, "log_score": metrics.decisions.log_score.value}
    for who, said in metrics.speeches.items():
        numbers |= {f"{who}_verified": said.verified.value, f"{who}_quotes": said.quotes.value}
    return {name: value for name, value in numbers.items() if value is not None}
