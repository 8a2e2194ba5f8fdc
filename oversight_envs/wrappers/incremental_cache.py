"""Reads rows of ids that mostly grow by one token from call to call, at the cost of one token each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from oversight_envs.models.hf.forward import Batch, PreallocatedLayer, Reader
from oversight_envs.training.policy import output_inputs


class IncrementalCache:
    """A key-value cache for a vector of episodes.

    A row that is what it was with one token more costs one token; one that is anything else (its episode was reset) is
    read anew. Everything is read anew after a change of the weights, which is noticed as the engine notices it.

    Args:
        model: a Hugging Face causal language model.
        length: the most tokens of a row.
    """

    def __init__(self, model: Any, length: int) -> None:
        self._reader = Reader(model, prefix_tokens=0, cache=True)
        self._model, self._length = model, length
        self._weights: tuple[int, ...] = ()
        self._batch: Batch | None = None
        self._hidden: Tensor | None = None

    def read(self, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Logits [rows, vocabulary] after the last token of each row, and the states [rows, hidden] behind them."""
        weights = tuple(number for p in self._model.parameters() for number in (p.data_ptr(), p._version))
        if weights != self._weights or self._batch is None or len(self._batch.rows) != len(rows):
            self._weights, self._batch = weights, None
        batch = self._batch
        old = [] if batch is None else [row == known for row, known in zip(rows, batch.rows, strict=True)]
        grown = [] if batch is None else [row[:-1] == known for row, known in zip(rows, batch.rows, strict=True)]
        if batch is not None and all(old):
            pass
        elif batch is None or not any(grown):
            self._batch, self._hidden = self._read_anew(rows)
        else:
            self._grow(batch, rows, [i for i, is_grown in enumerate(grown) if not is_grown])
        assert self._batch is not None
        assert self._hidden is not None
        return self._batch.logits, self._hidden

    def _read_anew(self, rows: Sequence[list[int]]) -> tuple[Batch, Tensor]:
        prompts = [tuple(row) for row in rows]
        room = self._length - max(map(len, rows))
        with output_inputs(self._model) as inputs:
            batch = self._reader.read(prompts, [0] * len(rows), room)
        return batch, inputs[-1][:, -1]

    def _grow(self, batch: Batch, rows: Sequence[list[int]], new: list[int]) -> None:
        """Appends the last token of every row, then replaces the ``new`` rows, for which that token meant nothing."""
        with output_inputs(self._model) as inputs:
            self._reader.step(batch, [row[-1] for row in rows])
        self._hidden = inputs[-1][:, -1]
        if new:
            fresh, hidden = self._read_anew([rows[i] for i in new])
            self._hidden[new] = hidden
            batch.logits[new] = fresh.logits
            sources = [(batch, i) for i in range(len(rows))]
            for k, i in enumerate(new):
                sources[i] = fresh, k
            self._batch = self._joined(rows, sources, batch.logits)

    def _joined(self, rows: Sequence[list[int]], sources: Sequence[tuple[Batch, int]], logits: Tensor) -> Batch:
        """A batch of rows of other batches, each ending in the last column. No wider than its longest row.

        So ``length`` columns are always enough: until the next row is replaced, the longest one grows to that at most.
        """
        width = max(map(len, rows))
        layers = []
        for number, like in enumerate(sources[0][0].layers):
            layer = PreallocatedLayer(self._length)
            layer.length = width
            empty = [states[:1, :, :0].expand(len(rows), -1, -1, -1) for states in (like.keys, like.values)]
            layer.lazy_initialization(*empty)
            for i, (row, (source, place)) in enumerate(zip(rows, sources, strict=True)):
                columns = slice(source.width - len(row), source.width)
                kept = source.layers[number]
                layer.put(i, width - len(row), kept.keys[place, :, columns], kept.values[place, :, columns])
            layers.append(layer)
        return Batch([list(row) for row in rows], logits, width, layers)
