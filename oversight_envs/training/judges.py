"""Judges learn from finished debates: the right option's label, given everything that the judge had read.

The same code trains a judge on debates, a blind one on ``direct`` episodes (prompts without arguments), any other game
that ends in a decision, and games in which solutions are scored: there the right label is Yes or No, which a
``LogitVerifier`` reads. What is read is the prompts, the answer orders and the truth; what the judge of the day had
said plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from oversight_envs.core.checks import not_negative
from oversight_envs.core.prompt import Prompt
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS
from oversight_envs.evaluation.records import as_records
from oversight_envs.judges.language_model import YES_NO
from oversight_envs.models import TrainableEngine
from oversight_envs.models.hf.forward import left_padded, takes
from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.policy import bfloat16_on_gpu, trainable
from oversight_envs.training.supervised import SupervisedTrainer


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


def judge_examples(records: Sequence[Record], lm: TrainableEngine) -> list[Example]:
    """The cases of finished episodes, in the order of the records: one for each answer order of each decision, and one
    for each scored solution.

    Episodes that were cut off (``truncated``) have none. Raises ValueError for a record without a known right option,
    or with a solution of which nobody knows whether it is right, for one in which nothing was judged, for labels that
    are not single tokens, and where nothing is left.
    """
    records = as_records(records)
    examples = []
    for record in records:
        if record.outcome is None:
            continue
        if not record.decisions and not record.scores:
            raise ValueError(
                f"the episode on question {record.question.id!r} ({record.protocol}) has no judge's decision"
            )
        for prompt, labels, right in (*_decided(record), *_scored(record)):
            ids, label_ids = lm.label_prompt(prompt, labels)
            examples.append(Example(tuple(ids), tuple(label_ids), right))
    if not examples:
        raise ValueError(f"there is nothing to train a judge on: of {len(records)} episodes none was finished")
    return examples


def _decided(record: Record) -> Iterator[tuple[Prompt, Sequence[str], int]]:
    """What was read for each decision, the labels, and which of them is right."""
    question = record.question
    for decision in record.decisions:
        if not isinstance(question.truth, int):
            raise ValueError(f"question {question.id!r} has no known right option: a judge can't be trained on it")
        for place, order in enumerate(decision.orders):
            prompt = record.entries[decision.index + place].prompt
            yield prompt, LABELS[: len(question.options)], order.index(question.truth)


def _scored(record: Record) -> Iterator[tuple[Prompt, Sequence[str], int]]:
    """The same for each scored solution, in the words that a ``LogitVerifier`` reads."""
    for scored in record.scores:
        if scored.author not in record.correct:
            raise ValueError(
                f"question {record.question.id!r}: nobody knows whether {scored.author} is right, and a judge can't be "
                "trained on it"
            )
        yield record.entries[scored.index].prompt, YES_NO, 0 if record.correct[scored.author] else 1


class JudgeTrainer(SupervisedTrainer[Example]):
    """Trains a language model, in place, to name the right option.

    The loss of an example is -log softmax(logits of the labels)[right], plus ``mass_coef`` times -log(sum of the
    labels' probabilities in the whole vocabulary); a step's loss is the mean over examples, and both answer orders of
    a debate are an example each.

    Args:
        lm: the judge, as ``LogitJudge(lm)`` holds it. All of its weights that require gradients are trained, so an
            adapter alone after ``add_lora(lm.model, ...)``. A model that others use too (``load`` gives everyone the
            same) changes for them as well: give a copy.
        config: the settings.
    """

    learner: ClassVar = "judge"
    counted: ClassVar = "examples"
    statistics: ClassVar = ("loss", "accuracy", "log_score", "mass")

    def __init__(self, lm: TrainableEngine, config: JudgeConfig | None = None) -> None:
        self.lm, self.config = trainable(lm), config or JudgeConfig()
        super().__init__(lm.model, self.config)

    def step(self, records: Sequence[Record]) -> dict[str, float]:
        """One training step on finished episodes; statistics for the log.

        ``loss``, ``accuracy`` (a tie is wrong), ``log_score`` (mean log-probability of the right option) and ``mass``
        are means over all examples and epochs, each taken before the update that it led to. If anything is raised the
        judge is as before.
        """
        examples = judge_examples(records, self.lm)
        try:
            return self._step(examples)
        finally:
            self.lm.forget()

    @property
    def identity(self) -> dict[str, Any]:
        lm = {**self.lm.description, "origin": self._origin}
        return {"type": "JudgeTrainer", "config": self.config.plain(), "lm": lm}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        super().load(tensors)
        self.lm.forget()

    def _length(self, example: Example) -> int:
        return len(example.ids)

    def _losses(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        logits = last_logits(
            self.lm, [example.ids for example in examples], mixed_precision=self.config.mixed_precision
        )
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


def last_logits(lm: TrainableEngine, rows: Sequence[Sequence[int]], *, mixed_precision: bool) -> Tensor:
    """Logits [n, vocabulary] after each row, with gradients, padded on the left as the engine does when it judges."""
    device = next(lm.model.parameters()).device
    width = max(map(len, rows))
    ids, options = left_padded(rows, width, width, device, takes(lm.model))
    lm.model.eval()
    with bfloat16_on_gpu(device, mixed_precision):
        logits = lm.model(input_ids=ids, use_cache=False, **options).logits
    last: Tensor = logits[:, -1].float()
    return last
