"""Number tokens that start out knowing their value.

A model of 0.1M parameters learns sums as patterns of remainders and sizes. Given as Fourier features of the value from
the start (after Zhou et al., *Pre-trained large language models use Fourier features to compute addition*, arXiv
2406.03445), it is spared the discovery that 12 is next to 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from oversight_envs.models.tiny.modeling import TinyForCausalLM

PERIODS = (2, 5, 10, 20, 50, 100)


def fourier_features(values: Tensor) -> Tensor:
    """``values`` [n] -> cosine and sine of each period, and the size itself, [n, 2 * periods + 1]."""
    angles = 2 * math.pi * values[:, None] / torch.tensor(PERIODS)
    return torch.cat([angles.cos(), angles.sin(), values[:, None] / 50 - 1], dim=1)


@torch.no_grad()  # type: ignore[untyped-decorator]
def give_numbers_meaning(model: TinyForCausalLM, numbers: Mapping[int, int], generator: torch.Generator) -> None:
    """Replaces the initial input and output embeddings of number tokens (id -> value) by projected Fourier features.

    Every place of the n-gram has a random projection of its own, and so has the output; sizes stay as they were.
    """
    ids = torch.tensor(list(numbers))
    features = fourier_features(torch.tensor(list(numbers.values()), dtype=torch.float32))
    embedding, width = model.model.embed, model.config.hidden_size
    tables = [(embedding.embedding.weight, back * embedding.vocab_size) for back in range(embedding.ngram)]
    for weight, offset in [*tables, (model.lm_head.weight, 0)]:
        projection = torch.randn(features.shape[1], width, generator=generator)
        rows = features @ projection
        weight[ids + offset] = rows * (weight[ids + offset].std() / rows.std())
