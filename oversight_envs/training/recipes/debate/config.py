"""The shape of a debate run."""

from __future__ import annotations

from dataclasses import dataclass, field

from oversight_envs._options import make_plain
from oversight_envs.core.checks import at_least, one_of
from oversight_envs.training.judges import JudgeConfig
from oversight_envs.training.ppo import PPOConfig


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
    seen: int = 0
    """Training questions on which both judges are measured too, in fresh debates of the debater of then; 0: none."""
    best_of: tuple[int, ...] = ()
    """N of the best-of-N grid, which is measured at the end: the debater of each evaluated step, all ranked by the
    judge of the end. Before training the initial debater is measured, ranked by the initial judge."""
    best_of_questions: int = 500
    """How many of the held-out questions the grid is measured on."""
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
        for name in ("questions", "epochs", "held_out", "batch", "samples", "best_of_questions", "checkpoint_every"):
            at_least(name, getattr(self, name), 1)
        at_least("seen", self.seen, 0)
        if self.seen > self.questions:
            raise ValueError(f"seen={self.seen} of questions={self.questions}: there are not so many")
        if self.best_of and not self.train_debater:
            raise ValueError("best_of with train_debater=False: the grid is over the steps of a debater that learns")
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
