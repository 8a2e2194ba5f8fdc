"""Linear layers with weights in 8 bits: what a model that only plays is loaded with on a CPU (``dtype="int8"``).

For each new token a model reads all its weights, which takes longer than computing with them: a quarter of the bytes
is read sooner. Each row of weights is scaled so that its largest number becomes 127, and rounded. The inputs are not
rounded to 8 bits: that turns judges (0.2 nats on SmolLM2), and a token's rounding would flip with what else is in the
batch. They are written as three digits of 8 bits, and the digits' products with the weights are sums of integers, which
are exact. So the weights are rounded, and nothing else: samples depend on their batch as little as in float32.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import linear as float_linear

_LARGEST = 127
_BASE = 2 * _LARGEST  # what is left over after rounding is at most a half, and becomes the next digit
_PLACES = torch.tensor([[1, 1 / _BASE, 1 / _BASE**2]])
_TINY = 1e-12
_MANY = 64
"""Rows from which on computing takes longer than reading: the weights are then turned to float32 for each use."""


class Int8Linear(nn.Module):
    """A linear layer's weights in 8 bits, with a scale for each output; not trainable."""

    weight: Tensor
    scales: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(dim=1).clamp(min=_TINY) / _largest_weight()
        self.register_buffer("weight", (weight / scales[:, None]).round().to(torch.int8))
        self.register_buffer("scales", scales)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().float())

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs.reshape(-1, inputs.shape[-1])
        if len(rows) >= _MANY:
            return float_linear(inputs, self.weight * self.scales[:, None], self.bias)
        largest = torch.linalg.vector_norm(rows, math.inf, dim=-1, keepdim=True).clamp_(min=_TINY).div_(_LARGEST)
        sums = torch._int_mm(_digits(rows / largest), self.weight.t()).float()
        outputs = _PLACES.mm(sums.view(3, -1)).view(len(rows), -1).mul_(self.scales).mul_(largest)
        if self.bias is not None:
            outputs += self.bias
        return outputs.view(*inputs.shape[:-1], -1)


def _digits(rows: Tensor) -> Tensor:
    """Numbers of at most 127 as three digits, all of the first ones above all of the second and third ones."""
    digits = torch.empty(3, *rows.shape, dtype=torch.int8)
    rounded = rows.round()
    digits[0] = rounded
    rest = rows.sub_(rounded).mul_(_BASE)
    digits[1] = torch.round(rest, out=rounded)
    digits[2] = rest.sub_(rounded).mul_(_BASE).round_()
    return digits.view(-1, rows.shape[-1])


def quantize(model: nn.Module) -> None:
    """Puts 8-bit layers in place of the model's linear ones. Raises ValueError where it has none."""
    found = [
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if type(child) is nn.Linear  # others may do more than multiply
    ]
    if not found:
        raise ValueError(f"{type(model).__name__} has no torch.nn.Linear layers to keep in 8 bits; leave dtype out")
    for module, name, linear in found:
        setattr(module, name, Int8Linear(linear))


def quantized(model: nn.Module) -> bool:
    """Whether layers of the model are kept in 8 bits."""
    return any(isinstance(module, Int8Linear) for module in model.modules())


def dtype_name(model: nn.Module) -> str:
    """What the record says of a model's weights: ``float32``, ``int8``."""
    return "int8" if quantized(model) else str(next(model.parameters()).dtype).removeprefix("torch.")


@cache
def _largest_weight() -> int:
    """127, or 63 where products of 8-bit integers come out wrong: older CPUs (no VNNI) add them in pairs in 16 bits."""
    ones = torch.full((1, 64), _LARGEST, dtype=torch.int8)
    exact = torch._int_mm(ones, ones.expand(8, -1).t()) == 64 * _LARGEST**2
    return _LARGEST if exact.all() else _LARGEST // 2
