"""A stand-in for the package llama_cpp, where it is not installed: the part of its interface that is used, no more.

Names, arguments and what they mean are those of llama-cpp-python 0.3.36. Whatever file is given, the model is
``random_models.random_model()``, one plain forward pass for each token that is asked for. ``tests/models/llama`` runs
against the real package and SmolLM2 instead, where it is installed.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from random_models import plain_logits, random_model


class Batch:
    def __init__(self, size: int, sequences: int) -> None:
        self.n_tokens = 0
        self.token, self.pos, self.n_seq_id, self.logits = ([0] * size for _ in range(4))
        self.seq_id = [[0] * sequences for _ in range(size)]


class Context:
    def __init__(self, params: Any) -> None:
        self.params = params
        self.logits: dict[int, np.ndarray] = {}
        self.clear()

    def clear(self) -> None:
        self.cells, self.sequences = 0, [[] for _ in range(self.params.n_seq_max)]

    def decode(self, batch: Batch) -> int:
        assert 0 < batch.n_tokens <= self.params.n_batch
        if self.cells + batch.n_tokens > self.params.n_ctx:
            return 1
        self.cells += batch.n_tokens
        self.logits.clear()
        for i in range(batch.n_tokens):
            numbers = batch.seq_id[i][: batch.n_seq_id[i]]
            assert len(set(numbers)) == len(numbers) > 0
            for number in numbers:
                ids = self.sequences[number]
                if len(ids) != batch.pos[i]:
                    return -1  # positions of a sequence have no gaps
                ids.append(batch.token[i])
            assert all(self.sequences[number] == ids for number in numbers)
            if batch.logits[i]:
                logits = plain_logits(random_model(), ids)[-1]
                self.logits[i] = np.ascontiguousarray(logits.float().numpy())
        return 0


def load(file: bytes, params: Any) -> Any:
    return object() if Path(file.decode()).stat().st_size > 100 else None


def start(model: Any, params: Any) -> Context | None:
    assert params.kv_unified
    return Context(params) if params.n_ctx < 2**31 else None


def install(monkeypatch: Any) -> ModuleType:
    """Makes ``import llama_cpp`` give this."""
    package: Any = ModuleType("llama_cpp")
    package.__version__ = "0.3.36"
    package.LLAMA_FLASH_ATTN_TYPE_ENABLED = 1
    package.llama_backend_init = lambda: None
    package.llama_model_default_params = SimpleNamespace
    package.llama_model_load_from_file = load
    package.llama_model_n_ctx_train = lambda model: random_model().context_length
    package.llama_model_get_vocab = lambda model: random_model().tokenizer
    package.llama_vocab_n_tokens = len
    package.llama_vocab_get_text = lambda vocabulary, token: vocabulary.convert_ids_to_tokens(token).encode()
    package.llama_context_default_params = SimpleNamespace
    package.llama_init_from_model = start
    package.llama_get_memory = lambda context: context
    package.llama_batch_init = lambda size, _, sequences: Batch(size, sequences)
    package.llama_decode = Context.decode
    package.llama_get_logits_ith = lambda context, i: context.logits[i].ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    package.llama_memory_clear = lambda memory, data: memory.clear()
    monkeypatch.setitem(sys.modules, "llama_cpp", package)
    return package
