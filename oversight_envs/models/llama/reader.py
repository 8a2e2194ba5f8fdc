"""Forward passes by llama.cpp over token ids. It knows nothing of text: ids go in, logits come out.

Written for llama-cpp-python 0.3.36, its low-level functions. One context holds the keys and values of a batch in one
buffer of ``n_ctx`` cells; a token that several prompts begin with is read once and belongs to all their sequences.

llama.cpp rounds what enters a layer of quantised weights to 8 bits, so that the last bit of a sum can turn a rounding
over and grow to tenths of a nat. Hence all is computed such that no bit depends on what else is in the batch: attention
by the one kernel that goes through a sequence's cells in order, and cells that are given out in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oversight_envs.models.hf.prefixes import Ids, common_length

_BATCH = 512
"""Tokens in one call of llama.cpp."""
_PART = 32
"""Of these, computed at once: of 64 or more another kernel takes care."""
_FEW_CELLS = 256
"""With more than these, a single token's attention is computed in parts."""

Token = tuple[int, int, Sequence[int], bool]
"""An id, its position, the sequences that it belongs to, and whether its logits are wanted."""


def plan(prompts: Sequence[Ids], new_tokens: Sequence[int], *, max_rows: int, max_tokens: int) -> list[list[int]]:
    """Batches of indices into ``prompts``, in lexical order: prompts with a common beginning are neighbours.

    A batch has at most ``max_tokens``, the new ones included, counting what prompts share once; a prompt that alone has
    more is a batch by itself.
    """
    batches: list[list[int]] = []
    total = 0
    for i in sorted(range(len(prompts)), key=lambda i: prompts[i]):
        rows = batches[-1] if batches else []
        more = len(prompts[i]) + new_tokens[i] - (common_length(prompts[rows[-1]], prompts[i]) if rows else 0)
        if rows and len(rows) < max_rows and total + more <= max_tokens:
            rows.append(i)
            total += more
        else:
            batches.append([i])
            total = len(prompts[i]) + new_tokens[i]
    return batches


class Reader:
    """A llama.cpp context: reads prompts, and goes on from them token by token.

    Args:
        lib: the package ``llama_cpp``.
        model: a model that it has loaded.
        n_ctx: how many tokens are held at once.
        rows: the most rows of a batch.
        threads: how many threads compute.

    Raises ValueError if there is no memory for it.
    """

    def __init__(self, lib: Any, model: Any, *, n_ctx: int, rows: int, threads: int) -> None:
        self._lib = lib
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch, params.n_ubatch = _BATCH, _PART
        params.n_seq_max = rows + 1
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True  # else each row has room for the longest, and what is shared is copied
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED  # it skips the cells of other rows
        self._context = lib.llama_init_from_model(model, params)
        if not self._context:
            raise ValueError(f"llama.cpp can't hold {n_ctx:,} tokens")
        self._memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(_BATCH, 0, rows + 1)
        self._vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
        self._companion = rows  # the sequence of tokens that only keep another company
        self._cells = self._companions = 0

    def read(self, prompts: Sequence[Ids]) -> Tensor:
        """Reads prompts, in lexical order, into rows 0, 1, …: the logits [n, vocabulary] that follow each of them.

        What was there before is dropped.
        """
        self._lib.llama_memory_clear(self._memory, False)
        self._cells = self._companions = 0
        common = [0, *(common_length(a, b) for a, b in pairwise(prompts))]
        tokens: list[Token] = []
        which = [0] * len(prompts)  # of the wanted logits, those that follow each prompt
        wanted = 0
        for row, ids in enumerate(prompts):
            for position in range(common[row], len(ids)):
                last = row + 1
                while last < len(prompts) and common[last] > position:
                    last += 1
                ending = [other for other in range(row, last) if len(prompts[other]) == position + 1]
                for other in ending:
                    which[other] = wanted
                wanted += bool(ending)
                tokens.append((ids[position], position, range(row, last), bool(ending)))
        return self._compute(tokens)[which]

    def step(self, rows: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """The logits [n, vocabulary] after one more token in each of these rows."""
        given = zip(tokens, positions, rows, strict=True)
        return self._compute([(token, position, (row,), True) for token, position, row in given])

    def _compute(self, tokens: Sequence[Token]) -> Tensor:
        """The wanted logits, in order."""
        logits = []
        for start in range(0, len(tokens), _BATCH):
            part, batch = self._accompanied(tokens[start : start + _BATCH]), self._batch
            batch.n_tokens = len(part)
            for i, (token, position, sequences, wanted) in enumerate(part):
                batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
                batch.n_seq_id[i] = len(sequences)
                for k, sequence in enumerate(sequences):
                    batch.seq_id[i][k] = sequence
            if status := self._lib.llama_decode(self._context, batch):
                raise RuntimeError(f"llama.cpp could not read a batch of {len(part)} tokens (llama_decode: {status})")
            self._cells += len(part)
            for i, (*_, wanted) in enumerate(part):
                if wanted:
                    found = self._lib.llama_get_logits_ith(self._context, i)
                    logits.append(np.ctypeslib.as_array(found, (self._vocabulary,)).copy())
        return torch.from_numpy(np.stack(logits))

    def _accompanied(self, tokens: Sequence[Token]) -> Sequence[Token]:
        """The tokens; behind a last one that would be computed alone another, so that it is computed as in a batch."""
        if len(tokens) % _PART != 1 or self._cells + len(tokens) <= _FEW_CELLS:
            return tokens
        self._companions += 1
        return [*tokens, (tokens[0][0], self._companions - 1, (self._companion,), False)]
