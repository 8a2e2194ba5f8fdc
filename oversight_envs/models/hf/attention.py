"""Attention of rows that begin alike: what they share stands in memory once, and all attend to it together.

A batch of sixteen continuations of a long passage would otherwise hold its keys and values sixteen times, and read all
of them again for every token. Here the layers of a batch hold only what each row has for itself. This is computed by
an attention function of transformers' own kind, which is told by ``shared`` where the rows begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from oversight_envs.models.hf.prefixes import CachedPrefix

_NAME = "oversight_envs_shared"


class Beginning(NamedTuple):
    """Rows of a batch that stand next to one another and begin with the first ``length`` tokens of one prefix."""

    rows: slice
    prefix: CachedPrefix | None
    length: int


def can_share(model: Any, takes: Sequence[str]) -> bool:
    """Whether the model hands its attention what it is told, and computes the plain kind over all that came before."""
    return (
        getattr(model, "_supports_attention_backend", False)
        and model.config.get_text_config()._attn_implementation == "sdpa"  # others have caps or sinks
        and "position_ids" in takes
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    )


@contextmanager
def sharing(model: Any) -> Iterator[None]:
    """The model's attention takes ``shared``, the beginnings of all rows of the batch."""
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    shared: Sequence[Beginning] = (),
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention of ``query`` [rows, heads, new, size] over the beginnings and then over the rows' own keys.

    ``attention_mask`` [rows, 1, new, own], True where a key is seen, is of the rows' own part; None: causal.
    """
    if not shared:
        attended, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
        return attended, None
    attend = _step if query.shape[2] == 1 else _read
    out = query.new_empty(*query.shape[:3], value.shape[-1])
    number: int = module.layer_idx  # type: ignore[assignment]
    for rows, prefix, length in shared:
        layer = prefix.layers[number] if prefix is not None else (key[0, :, :0], value[0, :, :0])
        first_keys, first_values = (states[:, :length] for states in layer)
        mask = None if attention_mask is None else attention_mask[rows]
        out[rows] = attend(query[rows], key[rows], value[rows], first_keys, first_values, mask, scaling)
    return out.transpose(1, 2).contiguous(), None


def _read(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    first_keys: Tensor,
    first_values: Tensor,
    mask: Tensor | None,
    scale: float | None,
) -> Tensor:
    """Many new tokens: row by row, each with its whole past, so that only one row's is ever copied."""
    new, known = query.shape[2], first_keys.shape[1]
    out = []
    for row in range(len(query)):
        own = keys.new_ones(1, new, keys.shape[2], dtype=torch.bool).tril(keys.shape[2] - new)
        own = own if mask is None else mask[row]
        seen = torch.cat([own.new_ones(1, new, known), own], dim=-1)
        keys_of, values_of = (
            torch.cat(pair, dim=1)[None] for pair in ((first_keys, keys[row]), (first_values, values[row]))
        )
        grouped = query.shape[1] != keys.shape[1]
        part = scaled_dot_product_attention(
            query[row : row + 1], keys_of, values_of, attn_mask=seen[None], scale=scale, enable_gqa=grouped
        )
        out.append(part)
    return torch.cat(out)


def _step(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    first_keys: Tensor,
    first_values: Tensor,
    mask: Tensor | None,
    scale: float | None,
) -> Tensor:
    """One new token for each row: one product of all rows' queries with what they share, one with their own."""
    rows, heads, _, size = query.shape
    kinds, known = first_keys.shape[:2]  # heads that have keys of their own; the query's are spread over them
    spread = heads // kinds
    query = query.reshape(rows, kinds, spread, size) * (size**-0.5 if scale is None else scale)
    own = query @ keys.transpose(-1, -2)
    if mask is not None:
        own = own.masked_fill(~mask, float("-inf"))
    together = [kinds, rows * spread, -1]  # a head's rows below one another: one product for all
    first = query.transpose(0, 1).reshape(together) @ first_keys.transpose(-1, -2)
    scores = torch.cat([first, own.transpose(0, 1).reshape(together)], dim=-1)
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    apart = [kinds, rows, spread, -1]
    own = weights[..., known:].reshape(apart).transpose(0, 1) @ values
    first = (weights[..., :known] @ first_values).view(apart).transpose(0, 1)
    return (first + own).reshape(rows, heads, 1, -1)
