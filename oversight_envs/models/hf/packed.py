"""Linear layers with weights in float16, for a model that only plays on a CPU (``load(..., dtype="float16")``).

It halves the memory of the weights. For each new token a model reads all of them, so it can be faster too, where memory
is the bottleneck: on the machine of ``examples/results/cpu_engine.json`` it was not. Only the weights are rounded, to
11 bits: inputs, sums and all else stay in float32, so a sample depends on what else is in its batch as little as in
float32, and a judge's log-odds hardly change. (8 bits with a scale for each row of weights moved them by 0.15 nats on
SmolLM2, and inputs in 8 bits made samples depend on their batch.)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from oversight_envs.core.fingerprint import fingerprint


class PackedLinear(nn.Module):
    """A linear layer's weights in float16, in the order in which torch's FBGEMM kernel reads them; not trainable."""

    digest: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, bias = linear.weight.detach().float(), linear.bias
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight, None if bias is None else bias.detach().float())
        # packed weights are no tensors: this stands for them where a model's weights are looked at
        found = fingerprint((weight, None if bias is None else bias.detach()))
        self.register_buffer("digest", torch.from_numpy(np.frombuffer(bytes.fromhex(found), dtype=np.uint8).copy()))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.ops.quantized.linear_dynamic_fp16(inputs, self._packed)
        return outputs


def pack(model: nn.Module) -> None:
    """Puts packed layers in place of the model's linear ones.

    Raises ValueError where it has none, and on a CPU that torch has no such kernel for.
    """
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        raise ValueError("dtype='float16': torch has no kernel for this CPU (FBGEMM, x86 only); leave dtype out")
    found = [
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if type(child) is nn.Linear  # others may do more than multiply
    ]
    if not found:
        raise ValueError(f"{type(model).__name__} has no torch.nn.Linear layers to keep in float16; leave dtype out")
    for module, name, linear in found:
        setattr(module, name, PackedLinear(linear))


def packed(model: nn.Module) -> bool:
    """Whether the model has packed layers: then it only plays."""
    return any(isinstance(module, PackedLinear) for module in model.modules())


def dtype_name(model: nn.Module) -> str:
    """What the record says of a model's weights: ``float32``, ``float16``."""
    return "float16" if packed(model) else str(next(model.parameters()).dtype).removeprefix("torch.")
