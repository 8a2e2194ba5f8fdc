"""Forward passes over batches of token ids. It knows nothing of text: ids go in, logits come out.

A batch is padded on the left, so that all rows end in the same column and new tokens go to the right of it. What was
read before of a row comes from the prefix cache, and only the rest is computed. Where it is long, and the model's
attention can be told (``attention.py``), it stays there and the layers hold the rest. Otherwise it is copied into each
row; all rows read as many tokens as the longest rest has, and what some then read again changes nothing.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from oversight_envs.models.hf.attention import Beginning, can_share, sharing
from oversight_envs.models.hf.batch_plan import MIN_SHARED
from oversight_envs.models.hf.prefixes import CachedPrefix, Ids, PrefixCache

Start = tuple[CachedPrefix | None, int]
"""A prefix that a row begins with, and with how many of its tokens."""

NO_START: Start = (None, 0)

MIN_HELD = 256
"""Shorter beginnings are copied: attention in parts costs more than their columns."""


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
    rows: Sequence[Sequence[int]],
    width: int,
    tail: int,
    device: torch.device,
    takes: Sequence[str],
    before: Sequence[int] | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    """The last ``tail`` of ``width`` columns of rows that all end in the same column, as a model's arguments.

    ``takes`` are those of the optional ones that it knows. Only the logits after the last column are asked for.
    ``before[i]`` tokens of row i stand elsewhere, in front of it.
    """
    first = torch.tensor(before or [0] * len(rows), device=device)
    pads = torch.tensor([width - len(row) for row in rows], device=device)
    ids = torch.tensor([[0] * (tail - len(row)) + list(row[-tail:]) for row in rows], device=device)
    columns = torch.arange(width, device=device)
    inputs: dict[str, Any] = {
        "position_ids": (columns[None, width - tail :] - pads[:, None]).clamp(min=0) + first[:, None],
        "logits_to_keep": 1,
    }
    inputs = {name: inputs[name] for name in takes}
    if pads.any():  # otherwise no mask: attention is then plainly causal, and faster
        inputs["attention_mask"] = (columns[None] >= pads[:, None]).long()
    return ids, inputs


class Batch:
    """Rows that were read: ``logits`` [rows, vocabulary] follow each row's last token.

    ``layers`` hold ``width`` columns. Of row i the first tokens may stand in a prefix instead: ``starts[i]`` says in
    which and how many.
    """

    def __init__(
        self,
        rows: list[list[int]],
        logits: Tensor,
        width: int,
        layers: list[PreallocatedLayer],
        starts: Sequence[Start] = (),
    ) -> None:
        self.rows, self.logits, self.width, self.layers = rows, logits, width, layers
        self.starts = starts or [NO_START] * len(rows)
        self.beginnings: list[Beginning] = []
        if any(length for _, length in self.starts):
            first = 0
            for (prefix, length), rows_of_it in groupby(self.starts):
                stop = first + len(list(rows_of_it))
                self.beginnings.append(Beginning(slice(first, stop), prefix, length))
                first = stop

    def select(self, rows: Sequence[int], room: int) -> Batch:
        """A batch with these rows and ``room`` columns for new tokens."""
        layers = [layer.select(rows, layer.length + room) for layer in self.layers]
        starts = [self.starts[i] for i in rows]
        return Batch([list(self.rows[i]) for i in rows], self.logits[list(rows)], self.width, layers, starts)


class Reader:
    """Reads batches with one causal language model.

    Args:
        model: a Hugging Face causal language model.
        prefix_tokens: how many tokens of readings to keep between calls; 0: nothing that prompts share is read once.
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
        self.shares = cache and can_share(model, self._takes)
        """Whether rows that begin alike can hold their beginning once; otherwise it is copied into every row."""

    def forget_if_changed(self) -> None:
        """Drops kept readings if the weights were trained since they were made.

        What ``weight_versions`` does not see needs ``prefixes.clear()``.
        """
        weights = weight_versions(self.model)
        if weights != self._weights:
            self.prefixes.clear()
            self._weights = weights

    def held(self, length: int) -> int:
        """How much of a beginning of this length stands in memory once for all rows; the rest is copied into them."""
        return length if self.shares and length >= MIN_HELD else 0

    def read(self, prompts: Sequence[Ids], shared: Sequence[int], room: int, *, keep: bool = False) -> Batch:
        """Reads prompts, leaving ``room`` columns for tokens to come.

        Of prompt i, the first ``shared[i]`` tokens begin others too and are read apart, once, unless they were before.
        With ``keep`` the whole readings are kept for later prompts.
        """
        rows = [list(ids) for ids in prompts]
        starts = self._starts(prompts, shared) if self.cache else [NO_START] * len(rows)
        held = [(prefix, known) if self.held(known) else NO_START for prefix, known in starts]
        width = max(len(ids) - known for ids, (_, known) in zip(rows, held, strict=True))
        tail = max(len(ids) - known for ids, (_, known) in zip(rows, starts, strict=True))
        batch = Batch(rows, torch.empty(0), width, self._layers(rows, starts, width, tail, room), held)
        self._compute(batch, tail)
        for row, (ids, (_, known)) in enumerate(zip(prompts, starts, strict=True)):
            if keep and len(ids) - known >= MIN_SHARED:
                self._keep(batch, row)
        return batch

    def step(self, batch: Batch, tokens: Sequence[int]) -> None:
        """Appends one token to every row and computes the logits that follow it."""
        for row, token in zip(batch.rows, tokens, strict=True):
            row.append(token)
        batch.width += 1
        self._compute(batch, 1 if self.cache else batch.width)

    def _starts(self, prompts: Sequence[Ids], shared: Sequence[int]) -> list[Start]:
        """For each prompt a prefix that it begins with: that of its group, or a kept one that covers more of it."""
        beginnings = [ids[:common] for ids, common in zip(prompts, shared, strict=True)]
        groups = {ids: self._read_apart(ids, rows) if ids else NO_START for ids, rows in Counter(beginnings).items()}
        found = {ids: self.prefixes.find(ids) for ids in dict.fromkeys(prompts)}
        starts = []
        for ids, beginning in zip(prompts, beginnings, strict=True):
            start = groups[beginning]
            prefix, known = found[ids]
            if known - start[1] >= MIN_SHARED:
                start = prefix, min(known, len(ids) - 1)
            starts.append(start)
        return starts

    def _read_apart(self, ids: Ids, rows: int) -> Start:
        """A prefix that covers ``ids``, with which so many rows begin: a kept one, or read now if that saves enough."""
        prefix, known = self.prefixes.find(ids)
        if (len(ids) - known) * max(rows - 1, 1) < MIN_SHARED:
            return prefix, known
        return self._keep(self.read([ids], [0], 0), 0), len(ids)

    def _keep(self, batch: Batch, row: int) -> CachedPrefix:
        """The reading of a whole row, added to the prefix cache."""
        ids = batch.rows[row]
        prefix, known = batch.starts[row]
        columns = slice(batch.width - (len(ids) - known), batch.width)
        layers = []
        for number, layer in enumerate(batch.layers):
            keys, values = layer.keys[row, :, columns], layer.values[row, :, columns]
            if prefix is not None:
                first_keys, first_values = (states[:, :known] for states in prefix.layers[number])
                layers.append((torch.cat([first_keys, keys], dim=1), torch.cat([first_values, values], dim=1)))
            elif len(batch.rows) > 1:
                layers.append((keys.clone(), values.clone()))
            else:  # these columns are never written again
                layers.append((keys, values))
        reading = CachedPrefix(np.asarray(ids), layers)
        self.prefixes.add(reading)
        return reading

    def _layers(
        self, rows: list[list[int]], starts: list[Start], width: int, tail: int, room: int
    ) -> list[PreallocatedLayer]:
        """Layers in which all but the last ``tail`` columns are filled from the prefixes that are not held."""
        if not self.cache:
            return []
        copied = [prefix for prefix, known in starts if prefix is not None and not self.held(known)]
        if width == tail or not copied:
            return [PreallocatedLayer(width + room) for _ in range(_layer_count(self.model))]
        layers = []
        for number, (keys, values) in enumerate(copied[0].layers):
            layer = PreallocatedLayer(width + room)
            layer.length = width - tail
            empty_keys, empty_values = (states[None, :, :0].expand(len(rows), -1, -1, -1) for states in (keys, values))
            layer.lazy_initialization(empty_keys, empty_values)
            for row, (ids, (prefix, known)) in enumerate(zip(rows, starts, strict=True)):
                if prefix is not None and not self.held(known) and len(ids) > tail:
                    keys, values = (states[:, : len(ids) - tail] for states in prefix.layers[number])
                    layer.put(row, width - len(ids), keys, values)
            layers.append(layer)
        return layers

    def _compute(self, batch: Batch, tail: int) -> None:
        """Runs the last ``tail`` columns through the model, for the logits that follow the last."""
        known = [length for _, length in batch.starts]
        rows = [row[length:] for row, length in zip(batch.rows, known, strict=True)]
        device = next(self.model.parameters()).device
        ids, inputs = left_padded(rows, batch.width, tail, device, self._takes, known)
        if self.cache:
            inputs["past_key_values"] = Cache(layers=list(batch.layers))
        if batch.beginnings:
            with sharing(self.model):
                output = self.model(input_ids=ids, use_cache=True, shared=batch.beginnings, **inputs)
        else:
            output = self.model(input_ids=ids, use_cache=self.cache, **inputs)
        batch.logits = output.logits[:, -1]


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
