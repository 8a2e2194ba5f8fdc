"""Language models as debater, prover, judge or verifier: in this process (``hf``, ``vllm``, ``llama``), or on a server.

``load("smollm2-135m")`` gives a ``LanguageModel`` and keeps it for whoever asks again, until ``unload()``;
``LanguageModel(model, tokenizer)`` wraps one that is in memory. They import torch and transformers, on first use; the
core never does. ``load_engine`` takes ``vllm:MODEL`` and ``llama:FILE.gguf`` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes
from oversight_envs.models.engine import Ability, Engine, TrainableEngine
from oversight_envs.models.loading import load_engine
from oversight_envs.models.passages import fit_passage
from oversight_envs.models.requests import Completion, Generation, LabelReading, NonFiniteLogits, PromptTooLong

if TYPE_CHECKING:
    from oversight_envs.models.hf.language_model import LanguageModel
    from oversight_envs.models.hf.loading import load, unload

__all__ = [
    "Ability",
    "Completion",
    "Engine",
    "Generation",
    "LabelReading",
    "LanguageModel",
    "NonFiniteLogits",
    "PromptTooLong",
    "TrainableEngine",
    "fit_passage",
    "load",
    "load_engine",
    "unload",
]

__getattr__: Any = lazy_attributes(
    __name__,
    {
        "LanguageModel": "oversight_envs.models.hf.language_model",
        "load": "oversight_envs.models.hf.loading",
        "unload": "oversight_envs.models.hf.loading",
    },
)
