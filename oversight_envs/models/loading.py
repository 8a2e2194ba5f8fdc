"""From a model's name to an engine, whichever kind of engine it names."""

from __future__ import annotations

from functools import cache

from oversight_envs.models.engine import Engine
from oversight_envs.models.llama.address import is_llama_spec
from oversight_envs.models.vllm.address import is_vllm_spec


def load_engine(spec: str) -> Engine:
    """The model in this process that ``spec`` names: ``vllm:MODEL`` for vLLM, ``llama:FILE.gguf`` for llama.cpp, any
    other name for transformers.

    The same spec gives the same object. What else can go wrong: see ``hf.loading.load``, ``vllm.loading.load_llm`` and
    ``llama.loading.load_llama``.
    """
    if is_vllm_spec(spec):
        return _load_vllm(spec)
    if is_llama_spec(spec):
        return _load_llama(spec)
    from oversight_envs.models.hf.loading import load

    return load(spec)


@cache
def _load_vllm(spec: str) -> Engine:
    from oversight_envs.models.vllm.loading import parse_spec
    from oversight_envs.models.vllm.model import VllmModel

    return VllmModel(*parse_spec(spec))


@cache
def _load_llama(spec: str) -> Engine:
    from oversight_envs.models.llama.loading import parse_spec
    from oversight_envs.models.llama.model import LlamaModel

    return LlamaModel(*parse_spec(spec))
