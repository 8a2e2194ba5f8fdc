"""The shape of a weak-to-strong run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from oversight_envs._options import make_plain
from oversight_envs.core.checks import at_least, one_of
from oversight_envs.training.judges import JudgeConfig

LOSSES = ("soft", "hard", "confidence")
"""How a student learns from weak labels: from the probabilities; from the more probable option alone; or from the
probabilities and, more and more, from what it believes itself (Burns et al.'s auxiliary confidence loss)."""


CEILING = "ceiling"


class Stage(NamedTuple):
    """One model's training. ``debates`` is how many the weak judge reads: of its own training 0 or 1."""

    kind: str
    """``ceiling``, ``weak``, or the loss of a student."""
    debates: int
    steps: int

    @property
    def name(self) -> str:
        return self.kind if self.kind == CEILING else f"{self.kind}-{self.debates}"


@dataclass(frozen=True, kw_only=True)
class WeakToStrongConfig:
    """Sizes and settings; the sets of questions are disjoint."""

    weak_questions: int = 1000
    """Questions that the weak judge learns from, with their right answers."""
    student_questions: int = 4000
    """Questions that it labels, and that students and the ceiling learn from."""
    held_out: int = 500
    """Questions to measure on, of another split."""
    debates: tuple[int, ...] = (0, 1, 8)
    """The supervisors, by how many debates on a question the weak judge reads: 0 is the question alone; of several the
    probabilities are averaged (as in an ensemble)."""
    losses: tuple[str, ...] = ("soft",)
    """A student for each of these and each supervisor: see ``LOSSES``."""
    confidence: float = 0.5
    """Weight of the student's own belief in the loss ``confidence``, once it is fully there."""
    confidence_warmup: float = 0.2
    """Over which share of the training it rises from 0 to that."""
    weak_epochs: int = 1
    student_epochs: int = 1
    batch: int = 32
    """Questions in one step."""
    weak: JudgeConfig = field(default_factory=JudgeConfig)
    student: JudgeConfig = field(default_factory=JudgeConfig)
    """Of students and of the ceiling alike, so that they differ in nothing but the labels."""
    seed: int = 0
    checkpoint_every: int = 50
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        make_plain(self)
        at_least("seed", self.seed, 0)
        sizes = ("weak_questions", "student_questions", "held_out", "weak_epochs", "student_epochs", "batch")
        for name in (*sizes, "checkpoint_every"):
            at_least(name, getattr(self, name), 1)
        for name in ("weak_questions", "student_questions"):
            if getattr(self, name) < self.batch:
                raise ValueError(f"{name}={getattr(self, name)} are fewer than a batch of {self.batch}: lower batch")
        for count in self.debates:
            at_least("debates", count, 0)
        for loss in self.losses:
            one_of("losses", loss, LOSSES)
        for name in ("debates", "losses"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise ValueError(f"{name}={given!r}: give at least one, and each once")
        for name in ("confidence", "confidence_warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r}: give a share from 0 to 1")

    @property
    def weak_steps(self) -> int:
        """Steps of one weak judge's training; a last batch that is not full is left out."""
        return self.weak_epochs * self.weak_questions // self.batch

    @property
    def student_steps(self) -> int:
        """Steps of one student's training."""
        return self.student_epochs * self.student_questions // self.batch

    @property
    def stages(self) -> list[Stage]:
        """What is trained, in order: the ceiling, and for each supervisor the weak judge and then the students."""
        found = [Stage(CEILING, 0, self.student_steps)]
        for count in sorted(self.debates):
            weak = Stage("weak", min(count, 1), self.weak_steps)
            if weak not in found:
                found.append(weak)
            found += [Stage(loss, count, self.student_steps) for loss in self.losses]
        return found

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        return sum(stage.steps for stage in self.stages)
