"""Judges learn from finished debates: the right option's label, given everything that the judge had read.

The same code trains a judge on debates, a blind one on ``direct`` episodes (prompts without arguments), and any other
game that ends in a decision. What is read is the prompts, the answer orders and the truth; what the judge of the day
had said plays no part.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from oversight_envs.core.checks import not_negative
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS
from oversight_envs.core.seeding import derive_seed
from oversight_envs.models import LanguageModel
from oversight_envs.training.checkpoint import fingerprint
from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.minibatches import shuffled_minibatches
from oversight_envs.training.optimiser import DivergenceError, Optimiser, keep_in_float32
from oversight_envs.training.policy import bfloat16_on_gpu


@dataclass(frozen=True, kw_only=True)
class JudgeConfig(TrainingConfig):
    """Settings of ``JudgeTrainer``, beside those of every training step."""

    mass_coef: float = 0.0
    """Weight of -log(probability of all labels together). 0: only what the judge's verdicts are made of is trained, the
    softmax over the labels; 1: plain cross-entropy over the vocabulary."""
    mixed_precision: bool = True
    """bfloat16 autocast on a GPU; no effect on a CPU."""

    def __post_init__(self) -> None:
        super().__post_init__()
        not_negative("mass_coef", self.mass_coef)


class Example(NamedTuple):
    """One case as a judge read it: the prompt's ids, the ids of its labels, and which of them is right."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    right: int


def judge_examples(records: Sequence[Record], lm: LanguageModel) -> list[Example]:
    """The cases of finished episodes, in the order of the records: one for each answer order of each decision.

    Episodes that were cut off (``truncated``) have none. Raises ValueError for a record without a known right option or
    without a decision, for labels that are not single tokens, and where nothing is left.
    """
    examples = []
    label_ids: dict[int, tuple[int, ...]] = {}
    for record in records:
        if record.outcome is None:
            continue
        question = record.question
        if not isinstance(question.truth, int):
            raise ValueError(f"question {question.id!r} has no known right option: a judge can't be trained on it")
        if not record.decisions:
            raise ValueError(f"the episode on question {question.id!r} ({record.protocol}) has no judge's decision")
        count = len(question.options)
        if count not in label_ids:
            label_ids[count] = tuple(lm.label_ids(LABELS[:count]))
        prompts = {entry.index: entry.prompt for entry in record.entries}
        for decision in record.decisions:
            for place, order in enumerate(decision.orders):
                ids = tuple(lm.encode(prompts[decision.index + place]))
                examples.append(Example(ids, label_ids[count], order.index(question.truth)))
    if not examples:
        raise ValueError(f"there is nothing to train a judge on: of {len(records)} episodes none was finished")
    return examples


class JudgeTrainer:
    """Trains a language model, in place, to name the right option.

    The loss of an example is -log softmax(logits of the labels)[right], plus ``mass_coef`` times -log(sum of the
    labels' probabilities in the whole vocabulary); a step's loss is the mean over examples, and both answer orders of
    a debate are an example each.

    Args:
        lm: the judge, as ``LogitJudge(lm)`` holds it. All of its weights that require gradients are trained, so an
            adapter alone after ``add_lora(lm.model, ...)``. A model that others use too (``load`` gives everyone the
            same) changes for them as well: give a copy.
        config: the settings.

    Dropout is off. Deterministic on a CPU.
    """

    def __init__(self, lm: LanguageModel, config: JudgeConfig | None = None) -> None:
        self.lm, self.config = lm, config or JudgeConfig()
        trained = {name: p for name, p in lm.model.named_parameters() if p.requires_grad}
        keep_in_float32(trained)
        self.optimiser = Optimiser(trained, self.config)
        self._origin = fingerprint(lm.model)
        signature = inspect.signature(lm.model.forward).parameters
        self._takes = [name for name in ("position_ids", "logits_to_keep") if name in signature]

    def step(self, records: Sequence[Record]) -> dict[str, float]:
        """One training step on finished episodes; statistics for the log.

        ``loss``, ``accuracy`` (a tie is wrong), ``log_score`` (mean log-probability of the right option) and ``mass``
        are means over all examples and epochs, each taken before the update that it led to. If anything is raised the
        judge is as before.
        """
        examples = judge_examples(records, self.lm)
        rate = self.optimiser.learning_rate
        sums = torch.zeros(4, dtype=torch.float64)
        norms = []
        try:
            with self.optimiser.step():
                lengths = [len(example.ids) for example in examples]
                for epoch in range(self.config.epochs):
                    rng = np.random.default_rng(derive_seed(self.config.seed, "judge", self.optimiser.steps, epoch))
                    for minibatch in shuffled_minibatches(lengths, self.config.minibatches, rng):
                        sums += self._accumulate([examples[i] for i in minibatch])
                        norms.append(self.optimiser.update())
        finally:
            self.lm.forget()
        means = (sums / (len(examples) * self.config.epochs)).tolist()
        return {
            **dict(zip(("loss", "accuracy", "log_score", "mass"), means, strict=True)),
            "examples": float(len(examples)),
            "updates": float(len(norms)),
            "grad_norm": sum(norms) / len(norms),
            "learning_rate": rate,
            "halved": float(self.optimiser.halved),
        }

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must share with this trainer to be loaded into it."""
        lm = {**self.lm.description, "origin": self._origin}
        return {"type": "JudgeTrainer", "config": self.config.plain(), "lm": lm}

    def tensors(self) -> dict[str, Tensor]:
        """All that training has changed, by name (see ``Optimiser.tensors``)."""
        return self.optimiser.tensors()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what ``tensors`` gave."""
        self.optimiser.load(tensors)
        self.lm.forget()

    def _accumulate(self, examples: list[Example]) -> Tensor:
        """Adds up the gradients of the mean loss over ``examples``; sums of loss, accuracy, log score and mass."""

        def backward(part: list[int]) -> Tensor:
            losses, statistics = self._losses([examples[i] for i in part])
            if not torch.isfinite(losses).all():
                raise DivergenceError("a judge's loss is not finite: the step was not applied; lower learning_rate")
            torch.autograd.backward(losses.sum() / len(examples))
            return statistics

        parts = self.optimiser.in_parts([len(example.ids) for example in examples], backward)
        return torch.stack([statistics for _, statistics in parts]).sum(0).cpu()

    def _losses(self, examples: list[Example]) -> tuple[Tensor, Tensor]:
        logits = self._last_logits([example.ids for example in examples])
        log_probs = torch.log_softmax(logits, dim=-1)
        losses, sums = [], torch.zeros(4, dtype=torch.float64, device=logits.device)
        for row, example in enumerate(examples):
            labels = log_probs[row, list(example.labels)]
            mass = labels.logsumexp(dim=-1)
            score = labels[example.right] - mass
            losses.append(-score - self.config.mass_coef * mass)
            best = bool((labels.detach() >= labels.detach()[example.right]).sum() == 1)
            sums += torch.stack([losses[-1], mass.new_tensor(best), score, mass.exp()]).detach().double()
        return torch.stack(losses), sums

    def _last_logits(self, rows: list[tuple[int, ...]]) -> Tensor:
        """Logits [n, vocabulary] after each row, padded on the left as the engine does when it judges."""
        device = next(self.lm.model.parameters()).device
        width = max(map(len, rows))
        pads = torch.tensor([width - len(row) for row in rows], device=device)
        ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows], device=device)
        columns = torch.arange(width, device=device)
        options: dict[str, Any] = {
            "position_ids": (columns[None] - pads[:, None]).clamp(min=0),
            "logits_to_keep": 1,
        }
        options = {name: options[name] for name in self._takes}
        if pads.any():
            options["attention_mask"] = (columns[None] >= pads[:, None]).long()
        self.lm.model.eval()
        with bfloat16_on_gpu(device, self.config.mixed_precision):
            logits = self.lm.model(input_ids=ids, use_cache=False, **options).logits
        last: Tensor = logits[:, -1].float()
        return last
