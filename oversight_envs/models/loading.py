"""From a model's name to an engine, whichever kind of engine it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oversight_envs.models.engine import Engine
from oversight_envs.models.llama.address import is_llama_spec
from oversight_envs.models.vllm.address import is_vllm_spec


def load_engine(spec: str) -> Engine:
    """The model in this process that ``spec`` names: ``vllm:MODEL`` for vLLM, ``llama:FILE.gguf`` for llama.cpp, any
    other name for transformers.

    The same spec gives the same object, until its files are written anew. What else can go wrong: see
    ``hf.loading.load``, ``vllm.loading.load_llm`` and ``llama.loading.load_llama``.
    """
    if is_vllm_spec(spec):
        from oversight_envs.models.vllm import loading as vllm
        from oversight_envs.models.vllm.model import VllmModel

        name, options, template_options = vllm.parse_spec(spec)
        return _kept(spec, vllm.load_llm(name, options), lambda: VllmModel(name, options, template_options))
    if is_llama_spec(spec):
        from oversight_envs.models.llama import loading as llama
        from oversight_envs.models.llama.model import LlamaModel

        path, how, template_options = llama.parse_spec(spec)
        return _kept(spec, llama.load_llama(path, how), lambda: LlamaModel(path, how, template_options))
    from oversight_envs.models.hf.loading import load

    return load(spec)


_engines: dict[str, tuple[Any, Engine]] = {}
"""Spec -> the weights that were loaded for it, and the engine made of them."""


def _kept(spec: str, loaded: Any, make: Callable[[], Engine]) -> Engine:
    """The engine of this name, made anew where its files were written anew and so ``loaded`` is another."""
    if spec not in _engines or _engines[spec][0] is not loaded:
        _engines[spec] = loaded, make()
    return _engines[spec][1]
