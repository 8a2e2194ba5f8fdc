"""Students learn from labels that may be probabilities, and may come to trust themselves against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS
from oversight_envs.models import TrainableEngine
from oversight_envs.training.judges import JudgeConfig, last_logits
from oversight_envs.training.policy import trainable
from oversight_envs.training.recipes.weak_to_strong.reading import Labels
from oversight_envs.training.supervised import SupervisedTrainer


class LabelledCase(NamedTuple):
    """One case as a student reads it: the prompt's ids, the ids of its labels, and how probable each is said to be."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    target: tuple[float, ...]


def hardened(probabilities: Sequence[float]) -> tuple[float, ...]:
    """All on the most probable option; those that tie share it."""
    best = max(probabilities)
    winners = [p == best for p in probabilities]
    return tuple(won / sum(winners) for won in winners)


def labelled_cases(records: Sequence[Record], labels: Labels, lm: TrainableEngine) -> list[list[LabelledCase]]:
    """For each finished game the cases that its judge read (one for each answer order), as ``labels`` have them."""
    found = []
    for record in records:
        target, prompts = labels[record.question.id], {entry.index: entry.prompt for entry in record.entries}
        cases = []
        for decision in record.decisions:
            for place, order in enumerate(decision.orders):
                ids, label_ids = lm.label_prompt(prompts[decision.index + place], LABELS[: len(order)])
                cases.append(LabelledCase(tuple(ids), tuple(label_ids), tuple(target[option] for option in order)))
        found.append(cases)
    return found


class StudentTrainer(SupervisedTrainer[LabelledCase]):
    """Trains a language model, in place, on given labels.

    The loss of a case is the cross-entropy of the labels' softmax against its target, plus ``config.mass_coef`` times
    -log(probability of all labels together). With ``confidence`` the target is mixed with what the student itself
    finds most probable at that moment, all on one option: (1 - a) target + a own, where a rises from 0 to
    ``confidence`` over ``warmup`` steps. This is the auxiliary confidence loss of Burns et al. (arXiv 2312.09390,
    appendix A.4), whose threshold is 1/2 where both answer orders of a question are shown, as here.
    """

    learner: ClassVar = "student"
    counted: ClassVar = "cases"
    statistics: ClassVar = ("loss", "agreement", "mass")

    def __init__(
        self, lm: TrainableEngine, config: JudgeConfig | None = None, *, confidence: float = 0.0, warmup: int = 0
    ) -> None:
        self.lm, self.config = trainable(lm), config or JudgeConfig()
        self.confidence, self.warmup = confidence, warmup
        super().__init__(lm.model, self.config)

    def step(self, cases: Sequence[LabelledCase]) -> dict[str, float]:
        """One training step; ``loss``, ``agreement`` with the target's first choice, and ``mass`` of the labels, each
        before the update that it led to."""
        try:
            return self._step(cases)
        finally:
            self.lm.forget()

    @property
    def identity(self) -> dict[str, Any]:
        own = {"confidence": self.confidence, "warmup": self.warmup}
        lm = {**self.lm.description, "origin": self._origin}
        return {"type": "StudentTrainer", "config": self.config.plain(), **own, "lm": lm}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        super().load(tensors)
        self.lm.forget()

    def _length(self, example: LabelledCase) -> int:
        return len(example.ids)

    def _losses(self, examples: Sequence[LabelledCase]) -> tuple[Tensor, Tensor]:
        logits = last_logits(self.lm, [case.ids for case in examples], mixed_precision=self.config.mixed_precision)
        log_probs = torch.log_softmax(logits, dim=-1)
        own = self.confidence * min(1.0, self.optimiser.steps / self.warmup if self.warmup else 1.0)
        losses, sums = [], torch.zeros(3, dtype=torch.float64, device=logits.device)
        for row, case in enumerate(examples):
            labels = log_probs[row, list(case.labels)]
            mass = labels.logsumexp(dim=-1)
            target = labels.new_tensor(case.target)
            agrees = target[labels.argmax()] == target.max()
            if own:
                target = (1 - own) * target + own * labels.new_tensor(hardened(labels.tolist()))
            losses.append(-(target * (labels - mass)).sum() - self.config.mass_coef * mass)
            sums += torch.stack([losses[-1], mass.new_tensor(bool(agrees)), mass.exp()]).detach().double()
        return torch.stack(losses), sums
