"""Forward passes over batches of token ids. It knows nothing of text: ids go in, logits come out.

A batch is padded on the left, so that all rows end in the same column and new tokens go to the right of it. What was
read before of a row comes from the prefix cache, and only the rest is computed. All rows of a batch read as many tokens
as the longest rest has; what some then read again changes nothing, and no padding ever stands inside a row.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from oversight_envs.models.hf.batch_plan import MIN_SHARED
from oversight_envs.models.hf.prefixes import CachedPrefix, Ids, PrefixCache


class PreallocatedLayer(DynamicLayer):  # type: ignore[misc]  # transformers is untyped here
    """Keys and values of one layer in a buffer of fixed size: a new token is written, and nothing is copied for it.

    (``DynamicLayer`` concatenates, which copies every key of a long passage for every token.)
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.length = room, 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        def buffer(states: Tensor) -> Tensor:  # zeros: columns of padding are masked, but 0 x NaN would not be 0
            return states.new_zeros(*states.shape[:2], self.room, states.shape[-1])

        self.dtype, self.device = key_states.dtype, key_states.device
        self._keys, self._values = buffer(key_states), buffer(value_states)
        self.is_initialized = True
        self._fill_to(self.length)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.length
        self._fill_to(start + key_states.shape[-2])
        self.keys[..., start:, :] = key_states
        self.values[..., start:, :] = value_states
        return self.keys, self.values

    def put(self, row: int, start: int, keys: Tensor, values: Tensor) -> None:
        """Writes keys and values [heads, length, dimension] that were computed before into one row."""
        self._keys[row, :, start : start + keys.shape[-2]] = keys
        self._values[row, :, start : start + keys.shape[-2]] = values

    def select(self, rows: Sequence[int], room: int) -> PreallocatedLayer:
        """A layer with these rows (a row may be taken more than once)."""
        layer = PreallocatedLayer(room)
        layer.length = self.length
        count = len(rows)
        layer.lazy_initialization(self.keys[:1].expand(count, -1, -1, -1), self.values[:1].expand(count, -1, -1, -1))
        for new, old in enumerate(rows):  # row by row: no second copy of the whole batch in between
            layer.put(new, 0, self.keys[old], self.values[old])
        return layer

    def _fill_to(self, length: int) -> None:
        self.length = length
        self.keys, self.values = self._keys[..., :length, :], self._values[..., :length, :]


def takes(model: Any) -> list[str]:
    """Which of the arguments that ``left_padded`` makes a model knows."""
    parameters = inspect.signature(model.forward).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return [name for name in ("position_ids", "logits_to_keep") if takes_any or name in parameters]


def left_padded(
    rows: Sequence[Sequence[int]], width: int, tail: int, device: torch.device, takes: Sequence[str]
) -> tuple[Tensor, dict[str, Any]]:
    """The last ``tail`` of ``width`` columns of rows that all end in the same column, as a model's arguments.

    ``takes`` are those of the optional ones that it knows. Only the logits after the last column are asked for.
    """
    pads = torch.tensor([width - len(row) for row in rows], device=device)
    ids = torch.tensor([[0] * (tail - len(row)) + list(row[-tail:]) for row in rows], device=device)
    columns = torch.arange(width, device=device)
    inputs: dict[str, Any] = {
        "position_ids": (columns[None, width - tail :] - pads[:, None]).clamp(min=0),
        "logits_to_keep": 1,
    }
    inputs = {name: inputs[name] for name in takes}
    if pads.any():  # otherwise no mask: attention is then plainly causal, and faster
        inputs["attention_mask"] = (columns[None] >= pads[:, None]).long()
    return ids, inputs


class Batch:
    """Rows that were read: ``logits`` [rows, vocabulary] follow each row's last token."""

    def __init__(self, rows: list[list[int]], logits: Tensor, width: int, layers: list[PreallocatedLayer]) -> None:
        self.rows, self.logits, self.width, self.layers = rows, logits, width, layers

    def select(self, rows: Sequence[int], room: int) -> Batch:
        """A batch with these rows and ``room`` columns for new tokens."""
        layers = [layer.select(rows, layer.length + room) for layer in self.layers]
        return Batch([list(self.rows[i]) for i in rows], self.logits[list(rows)], self.width, layers)


class Reader:
    """Reads batches with one causal language model.

    Args:
        model: a Hugging Face causal language model.
        prefix_tokens: how many tokens of readings to keep between calls.
        cache: False for a model without a key-value cache, which then reads each row anew for every token.
    """

    def __init__(self, model: Any, *, prefix_tokens: int, cache: bool) -> None:
        self.model = model
        self.cache = cache
        self.prefixes = PrefixCache(prefix_tokens if cache else 0)
        self._takes = takes(model)
        self._weights: tuple[int, ...] = ()
        if cache:
            _check_cacheable(model)

    def forget_if_changed(self) -> None:
        """Drops kept readings if the weights were trained since they were made.

        What ``weight_versions`` does not see needs ``prefixes.clear()``.
        """
        weights = weight_versions(self.model)
        if weights != self._weights:
            self.prefixes.clear()
            self._weights = weights

    def read(self, prompts: Sequence[Ids], shared: Sequence[int], kept: Sequence[bool], room: int) -> Batch:
        """Reads different prompts, leaving ``room`` columns for tokens to come.

        Of prompt i, the first ``shared[i]`` tokens begin others too and are read apart, once, where that pays; with
        ``kept[i]`` the whole reading is kept for later prompts that begin with it.
        """
        width = max(map(len, prompts))
        rows = [list(ids) for ids in prompts]
        if not self.cache:
            return Batch(rows, self._forward(rows, width, width, None), width, [])
        sources = [self._source(ids, common) for ids, common in zip(prompts, shared, strict=True)]
        tail = max(len(ids) - known for ids, (_, known) in zip(prompts, sources, strict=True))
        layers = self._layers(rows, sources, width, tail, room)
        logits = self._forward(rows, width, tail, layers)
        for row, ids in enumerate(prompts):
            if kept[row] and len(ids) >= MIN_SHARED:
                self._keep(ids, layers, row, width)
        return Batch(rows, logits, width, layers)

    def step(self, batch: Batch, tokens: Sequence[int]) -> None:
        """Appends one token to every row and computes the logits that follow it."""
        for row, token in zip(batch.rows, tokens, strict=True):
            row.append(token)
        batch.width += 1
        if self.cache:
            batch.logits = self._forward(batch.rows, batch.width, 1, batch.layers)
        else:
            batch.logits = self._forward(batch.rows, batch.width, batch.width, None)

    def _source(self, ids: Ids, shared: int) -> tuple[CachedPrefix | None, int]:
        """A kept reading for the start of ``ids``, made first if others share it, and how much of ``ids`` it covers."""
        reading, known = self.prefixes.find(ids)
        if shared - known >= MIN_SHARED:
            batch = self.read([ids[:shared]], [0], [False], 0)
            reading, known = self._keep(ids[:shared], batch.layers, 0, shared), shared
        return reading, min(known, len(ids) - 1)

    def _keep(self, ids: Ids, layers: list[PreallocatedLayer], row: int, width: int) -> CachedPrefix:
        columns = slice(width - len(ids), width)
        copies = [(layer.keys[row, :, columns].clone(), layer.values[row, :, columns].clone()) for layer in layers]
        reading = CachedPrefix(np.asarray(ids), copies)
        self.prefixes.add(reading)
        return reading

    def _layers(
        self, rows: list[list[int]], sources: list[tuple[CachedPrefix | None, int]], width: int, tail: int, room: int
    ) -> list[PreallocatedLayer]:
        """Layers in which all but the last ``tail`` columns are filled from the sources."""
        known = [reading for reading, _ in sources if reading is not None]
        if width == tail or not known:
            return [PreallocatedLayer(width + room) for _ in range(_layer_count(self.model))]
        layers = []
        for number, (keys, values) in enumerate(known[0].layers):
            layer = PreallocatedLayer(width + room)
            layer.length = width - tail
            empty_keys, empty_values = (states[None, :, :0].expand(len(rows), -1, -1, -1) for states in (keys, values))
            layer.lazy_initialization(empty_keys, empty_values)
            for row, (ids, (reading, _)) in enumerate(zip(rows, sources, strict=True)):
                if reading is not None and len(ids) > tail:
                    keys, values = (states[:, : len(ids) - tail] for states in reading.layers[number])
                    layer.put(row, width - len(ids), keys, values)
            layers.append(layer)
        return layers

    def _forward(self, rows: list[list[int]], width: int, tail: int, layers: list[PreallocatedLayer] | None) -> Tensor:
        """Runs the last ``tail`` of ``width`` columns through the model; the logits after the last, [rows, vocabulary].

        ``layers`` hold the columns before them and take in the new ones; None for a model without a cache.
        """
        ids, inputs = left_padded(rows, width, tail, next(self.model.parameters()).device, self._takes)
        if layers is not None:
            inputs["past_key_values"] = Cache(layers=list(layers))
        logits: Tensor = self.model(input_ids=ids, use_cache=layers is not None, **inputs).logits
        return logits[:, -1]


def weight_versions(model: Any) -> tuple[int, ...]:
    """Where the weights are and how often each was changed in place: equal as long as they are the same.

    PyTorch counts the in-place changes of every tensor; what goes past its count (``.data``, an adapter switched on or
    off) is not seen.
    """
    return tuple(
        number
        for weight in model.parameters()
        for number in (weight.data_ptr(), 0 if weight.is_inference() else weight._version)
    )


def _layer_count(model: Any) -> int:
    return len(DynamicCache(config=model.config).layers)


def _check_cacheable(model: Any) -> None:
    layers = DynamicCache(config=model.config).layers
    # exact types: their subclasses hold more than keys and values (a recurrent state, whose beginning can't be cut off)
    odd = {type(layer).__name__ for layer in layers if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer)}
    if odd:
        raise ValueError(
            f"{type(model).__name__} keeps more than keys and values ({', '.join(sorted(odd))}); pass cache=False to "
            "read each prompt anew for every token, or use a model with attention only"
        )
