"""What the training of judges and of verifiers shares: a step over labelled examples, statistics, checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from oversight_envs.core.seeding import derive_seed
from oversight_envs.training.checkpoint import fingerprint
from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.minibatches import shuffled_minibatches
from oversight_envs.training.optimiser import DivergenceError, Optimiser, keep_in_float32

T = TypeVar("T")


class SupervisedTrainer(ABC, Generic[T]):
    """Trains a module in place, on all its weights that require gradients. Dropout is off; deterministic on a CPU.

    A subclass says how long an example is and what its loss is.
    """

    learner: ClassVar[str]
    """What is trained, in errors and as the name of its random stream."""
    statistics: ClassVar[tuple[str, ...]]
    """Names of the numbers that ``_losses`` gives sums of, the loss first."""
    counted: ClassVar[str]
    """What an example is called in the statistics."""

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        keep_in_float32(trained)
        self.model = model
        self.optimiser = Optimiser(trained, config)
        self._settings = config
        self._origin = fingerprint(model)

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must share with this trainer to be loaded into it."""

    def tensors(self) -> dict[str, Tensor]:
        """All that training has changed, by name (see ``Optimiser.tensors``)."""
        return self.optimiser.tensors()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what ``tensors`` gave."""
        self.optimiser.load(tensors)

    @abstractmethod
    def _length(self, example: T) -> int:
        """Its tokens, in the form in which they are computed."""

    @abstractmethod
    def _losses(self, examples: Sequence[T]) -> tuple[Tensor, Tensor]:
        """The loss of each example [n], with gradients, and sums of the statistics over them, in float64."""

    def _step(self, examples: Sequence[T]) -> dict[str, float]:
        """One training step, ``epochs`` times over the examples: means of the statistics, and the optimiser's numbers.

        Each statistic is taken before the update that it led to. If anything is raised the model is as before.
        """
        config, rate = self._settings, self.optimiser.learning_rate
        sums, norms = torch.zeros(len(self.statistics), dtype=torch.float64), []
        with self.optimiser.step():
            lengths = [self._length(example) for example in examples]
            for epoch in range(config.epochs):
                rng = np.random.default_rng(derive_seed(config.seed, self.learner, self.optimiser.steps, epoch))
                for minibatch in shuffled_minibatches(lengths, config.minibatches, rng):
                    sums += self._accumulate([examples[i] for i in minibatch])
                    norms.append(self.optimiser.update())
        means = (sums / (len(examples) * config.epochs)).tolist()
        return {
            **dict(zip(self.statistics, means, strict=True)),
            self.counted: float(len(examples)),
            "updates": float(len(norms)),
            "grad_norm": sum(norms) / len(norms),
            "learning_rate": rate,
            "halved": float(self.optimiser.halved),
        }

    def _accumulate(self, examples: Sequence[T]) -> Tensor:
        """Adds up the gradients of the mean loss over ``examples``; sums of the statistics."""

        def backward(part: list[int]) -> Tensor:
            losses, sums = self._losses([examples[i] for i in part])
            if not torch.isfinite(losses).all():
                raise DivergenceError(
                    f"a {self.learner}'s loss is not finite: the step was not applied; lower learning_rate"
                )
            torch.autograd.backward(losses.sum() / len(examples))
            return sums

        parts = self.optimiser.in_parts([self._length(example) for example in examples], backward)
        return torch.stack([sums for _, sums in parts]).sum(0).cpu()
