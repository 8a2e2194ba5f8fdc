"""From ``llama:FILE.gguf?OPTION=VALUE`` to a model in llama.cpp's hands, shared by everyone who names it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from transformers import AutoTokenizer

from oversight_envs.core.checks import at_least
from oversight_envs.models.hf.loading import ModelFiles, resolve, split_engine_spec, without_gguf, written
from oversight_envs.models.llama.address import PREFIX
from oversight_envs.models.llama.reader import Reader


@dataclass(frozen=True, kw_only=True)
class LlamaOptions:
    """How llama.cpp is to run a model."""

    n_ctx: int = 16_384
    """The most tokens that are held at once, of a batch's prompts and replies, what they share counted once: it bounds
    memory, and what the model can read and write."""
    max_batch: int = 32
    """The most rows in one forward pass."""

    def __post_init__(self) -> None:
        at_least("n_ctx", self.n_ctx, 1)
        at_least("max_batch", self.max_batch, 1)
        if self.max_batch > 128:
            raise ValueError(f"max_batch={self.max_batch}: llama.cpp holds few sequences: give at most 128")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in llama.cpp's hands, and what of it is needed on this side."""

    reader: Reader
    tokenizer: Any
    context_length: int
    version: str
    source: ModelFiles
    files: tuple[tuple[str, int, int], ...]
    """Name, size and time of the file as it was when it was read."""


_loaded: dict[tuple[str, LlamaOptions], Loaded] = {}
_loading = Lock()


def parse_spec(spec: str) -> tuple[str, LlamaOptions, dict[str, Any]]:
    """The model in ``llama:FILE.gguf?NAME=VALUE&…``, options of ours, and those of the chat template: all other names.

    Raises ValueError for a spec that names no model, and for a value that an option can't have.
    """
    return split_engine_spec(spec, PREFIX, LlamaOptions, "llama:FILE.gguf or llama:smollm2-135m")


def load_llama(name: str, options: LlamaOptions) -> Loaded:
    """The model called ``name``, a GGUF file; the same name and options give the same object.

    A file that was written anew since is read anew. Raises ImportError where llama-cpp-python is not installed, and
    ValueError, naming the model and the fix, where there is no such file or llama.cpp can't load it.
    """
    with _loading:
        spec = PREFIX + name
        source = resolve(name)
        if source.gguf_file is None:
            raise ValueError(f"model={spec!r}: llama.cpp reads .gguf files: give one, or {name!r} itself")
        files = written(source)
        known = _loaded.get((name, options))
        if known is None or known.files != files:
            _loaded[name, options] = _load(_import(spec), spec, source, options, files)
        return _loaded[name, options]


def _import(spec: str) -> Any:
    try:
        lib = import_module("llama_cpp")
    except ModuleNotFoundError as error:
        raise ImportError(f"{spec} needs the package {error.name!r}: pip install 'oversight-envs[llama]'") from error
    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)  # its warnings count as errors there
    return lib


def _load(lib: Any, spec: str, source: ModelFiles, options: LlamaOptions, files: Any) -> Loaded:
    folder = without_gguf(source)
    tokenizer = AutoTokenizer.from_pretrained(folder.place, trust_remote_code=False, **folder.options)
    lib.llama_backend_init()
    file = Path(source.place, source.gguf_file or "")
    model = lib.llama_model_load_from_file(str(file).encode(), lib.llama_model_default_params())
    if not model:
        raise ValueError(f"model={spec!r}: llama.cpp can't load it; check the file, and whether there is memory for it")
    vocabulary = lib.llama_model_get_vocab(model)
    _check_same_ids(lib, vocabulary, tokenizer, spec)
    context_length = min(lib.llama_model_n_ctx_train(model), options.n_ctx)
    room = options.n_ctx + context_length  # as many companions as there are steps, at most (``reader.py``)
    try:
        reader = Reader(lib, model, n_ctx=room, rows=options.max_batch, threads=torch.get_num_threads())
    except ValueError as error:
        raise ValueError(f"model={spec!r}: {error}: give a smaller n_ctx, as in {spec}?n_ctx=4096") from error
    return Loaded(reader, tokenizer, context_length, lib.__version__, source, files)


def _check_same_ids(lib: Any, vocabulary: Any, tokenizer: Any, spec: str) -> None:
    """Raises ValueError unless every id means the same to llama.cpp as to the tokenizer: ids are all that is passed."""
    size = lib.llama_vocab_n_tokens(vocabulary)
    if len(tokenizer) > size:
        raise ValueError(f"model={spec!r}: its tokenizer has {len(tokenizer):,} ids, and llama.cpp reads {size:,}")
    for token, text in enumerate(tokenizer.convert_ids_to_tokens(range(len(tokenizer)))):
        there = lib.llama_vocab_get_text(vocabulary, token).decode(errors="replace")
        if text is not None and text != there:
            raise ValueError(f"model={spec!r}: id {token} is {text!r} to its tokenizer and {there!r} to llama.cpp")
