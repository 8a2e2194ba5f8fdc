"""Linear layers in 8-bit integers: what a model that only plays is loaded with on a CPU (``dtype="int8"``).

Each row of weights, and each token's input, is scaled so that its largest number becomes 127, and rounded. Their
products are sums of integers, which are exact: what comes out for a token depends on its own input, never on what else
is in the batch. (``torch.ao.quantization.quantize_dynamic`` scales a whole batch by its largest number, so that a
sample would change with its neighbours.) All else, attention and the embeddings too, stays in float32.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn

_LARGEST = 127
_TINY = 1e-12


class Int8Linear(nn.Module):
    """A linear layer's weights in 8 bits, with a scale for each output; not trainable."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(dim=1).clamp(min=_TINY) / _largest_weight()
        self.register_buffer("weight", (weight / scales[:, None]).round().to(torch.int8))
        self.register_buffer("scales", scales)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().float())

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs.reshape(-1, inputs.shape[-1])
        scales = torch.linalg.vector_norm(rows, math.inf, dim=-1, keepdim=True).clamp_(min=_TINY).div_(_LARGEST)
        sums = torch._int_mm(rows.div(scales).round_().to(torch.int8), self.weight.t())
        outputs = sums.mul(self.scales).mul_(scales)
        if self.bias is not None:
            outputs += self.bias
        return outputs.view(*inputs.shape[:-1], -1)


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


@cache
def _largest_weight() -> int:
    """127, or 63 where products of 8-bit integers come out wrong: older CPUs (no VNNI) add them in pairs in 16 bits."""
    ones = torch.full((1, 64), _LARGEST, dtype=torch.int8)
    exact = torch._int_mm(ones, ones.expand(8, -1).t()) == 64 * _LARGEST**2
    return _LARGEST if exact.all() else _LARGEST // 2
