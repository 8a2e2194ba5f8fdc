"""AdamW whose training steps happen as a whole or not at all.

A *step* is what a trainer does with one batch of episodes; it may hold several *updates* of the weights. Whatever goes
wrong inside a step (memory runs out, a loss is NaN, Ctrl-C), weights, optimiser and counters go back to what they were
before it. So a checkpoint, which can only be written between steps, never holds half of one.
"""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import Parameter

from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.minibatches import by_tokens, padded_tokens

T = TypeVar("T")

_CPU_PASS, _GPU_PASS = 512, 8192
"""What a forward and backward pass costs beside its tokens, in tokens: on a CPU 130 to 800 for models of 0.1M to 135M
parameters; a GPU would rather compute padding than start so many kernels again."""


class OutOfMemoryError(RuntimeError):
    """A step did not fit in memory, with half the tokens in a forward pass either. Nothing of it was applied."""


class DivergenceError(ArithmeticError):
    """A loss or gradient is NaN or infinite. Nothing of the step was applied."""


class Optimiser:
    """AdamW over named parameters, with a learning-rate schedule, gradient clipping and steps that can be undone.

    Args:
        parameters: what to train, by name. Kept in float32 (see ``keep_in_float32``).
        config: learning rate, schedule, clipping, tokens in a forward pass.
    """

    def __init__(self, parameters: Mapping[str, Parameter], config: TrainingConfig) -> None:
        if not parameters:
            raise ValueError("there is nothing to train: none of the model's parameters requires a gradient")
        self.parameters = dict(parameters)
        self.config = config
        self.steps = 0
        """Finished steps."""
        self.halved = False
        """Whether memory ran out in the current or last step, so that it went on with half the tokens at a time."""
        self._max_tokens = config.max_batch_tokens
        on_cpu = all(parameter.device.type == "cpu" for parameter in self.parameters.values())
        self._pass_tokens = _CPU_PASS if on_cpu else _GPU_PASS
        groups: dict[float, list[Parameter]] = defaultdict(list)
        for name, parameter in self.parameters.items():
            groups[config.multiplier(name)].append(parameter)
        self._adam = torch.optim.AdamW(
            [{"params": group, "multiplier": multiplier} for multiplier, group in groups.items()],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=on_cpu or None,  # one pass over memory in place of ten; a GPU has its own default
        )

    @contextmanager
    def step(self) -> Iterator[None]:
        """Everything inside is one step. If anything is raised, weights and optimiser are as before.

        The copy to go back to lies in main memory: 12 bytes for each trained parameter.
        Raises OutOfMemoryError in place of torch's own error.
        """
        before = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.tensors().items()}
        self.halved, self._max_tokens = False, self.config.max_batch_tokens
        for group in self._adam.param_groups:
            group["lr"] = self.config.rate(self.steps) * group["multiplier"]
        try:
            yield
        except BaseException as error:
            self.drop()
            self.load(before)
            if not _out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # these hold the tensors that memory ran out for
            raise OutOfMemoryError(
                f"a training step did not fit in memory, not even with {self._max_tokens:,} tokens in a forward pass; "
                f"nothing of it was applied. Lower max_batch_tokens ({self.config.max_batch_tokens:,}) or train an "
                f"adapter (lora=...). The device said: {error}"
            ) from None
        self.steps += 1

    def in_parts(self, lengths: Sequence[int], compute: Callable[[list[int]], T]) -> list[tuple[list[int], T]]:
        """``compute(indices)`` for batches that cover all of ``lengths``, and what it returned for each.

        If memory runs out, gradients are dropped and all is computed once more with half the tokens at a time; the
        rest of the step goes on so. The second time is an error.
        """
        while True:
            batches = by_tokens(lengths, self._max_tokens, self._pass_tokens)
            try:
                return [(batch, compute(batch)) for batch in batches]
            except (RuntimeError, MemoryError) as error:
                if self.halved or not _out_of_memory(error):
                    raise
            # After the handler, so that the failed pass is free by now.
            self.drop()
            self.halved = True
            self._max_tokens = max(1, max(padded_tokens(lengths, batch) for batch in batches) // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def update(self) -> float:
        """Applies the gradients that were accumulated; their norm before clipping.

        Raises DivergenceError if it is not finite.
        """
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.config.max_grad_norm))
        if not norm < float("inf"):
            raise DivergenceError(
                f"the gradient's norm is {norm}: the step was not applied; lower learning_rate "
                f"({self.config.learning_rate}) or check the rewards and the model's weights"
            )
        self._adam.step()
        self.drop()
        return norm

    def drop(self) -> None:
        """Drops the gradients."""
        self._adam.zero_grad(set_to_none=True)

    @property
    def learning_rate(self) -> float:
        """The rate of the next step, before multipliers."""
        return self.config.rate(self.steps)

    def tensors(self) -> dict[str, Tensor]:
        """Weights, AdamW's moments and the count of steps, by name: all that training changes. Not copies."""
        found = {"steps": torch.tensor(self.steps)}
        for name, parameter in self.parameters.items():
            found[f"weights/{name}"] = parameter.detach()
            for key, value in self._adam.state.get(parameter, {}).items():
                found[f"adam/{name}/{key}"] = value
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what ``tensors`` gave. Raises ValueError, unchanged, if it belongs to other parameters."""
        shapes = {n.removeprefix("weights/"): t.shape for n, t in tensors.items() if n.startswith("weights/")}
        for name in sorted({*shapes, *self.parameters}):
            ours = self.parameters[name].shape if name in self.parameters else None
            if shapes.get(name) != ours:
                raise ValueError(f"weight {name!r} has shape {shapes.get(name)} here and {ours} in this model")
        moments = {name: _moments(name, parameter, tensors) for name, parameter in self.parameters.items()}
        self.steps = int(tensors["steps"])
        self._adam.state.clear()
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weights/{name}"])
                if moments[name]:  # AdamW counts on the CPU and keeps its moments beside the weights
                    self._adam.state[parameter] = {
                        key: tensor.to("cpu" if key == "step" else parameter.device, copy=True)
                        for key, tensor in moments[name].items()
                    }


def _moments(name: str, parameter: Parameter, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """AdamW's state of one parameter; empty where it was never updated. Raises ValueError where a part is missing."""
    start = f"adam/{name}/"
    found = {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}
    wanted = {"step": torch.Size(()), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
    if found and (shapes := {key: tensor.shape for key, tensor in found.items()}) != wanted:
        raise ValueError(f"AdamW's state of {name!r} has {shapes} and not {wanted}")
    return found


def keep_in_float32(parameters: Mapping[str, Parameter]) -> None:
    """Casts half-precision weights that are to be trained: steps far smaller than they are would round to nothing."""
    for parameter in parameters.values():
        if parameter.dtype in (torch.float16, torch.bfloat16):
            parameter.data = parameter.data.float()


def _out_of_memory(error: BaseException) -> bool:
    cpu = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return cpu or isinstance(error, (torch.OutOfMemoryError, MemoryError))
