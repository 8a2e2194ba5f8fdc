"""Tiny transformers and tokenizers for the procedural tasks: whole experiments on a CPU in minutes.

Importing this package makes the models known to the Auto classes of transformers (``oversight_envs.models`` imports
it), so that a folder with one is loaded like any other model.
"""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from oversight_envs.models.tiny.configuration import TinyConfig
from oversight_envs.models.tiny.modeling import TinyForCausalLM, TinyForSequenceClassification, TinyModel
from oversight_envs.models.tiny.tokenizers import arithmetic_tokenizer, stories_tokenizer

__all__ = [
    "WEIGHTS",
    "TinyConfig",
    "TinyForCausalLM",
    "TinyForSequenceClassification",
    "TinyModel",
    "arithmetic_tokenizer",
    "stories_tokenizer",
    "weights_folder",
]

AutoConfig.register(TinyConfig.model_type, TinyConfig, exist_ok=True)
AutoModel.register(TinyConfig, TinyModel, exist_ok=True)
AutoModelForCausalLM.register(TinyConfig, TinyForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(TinyConfig, TinyForSequenceClassification, exist_ok=True)

WEIGHTS = ("stories-debater", "stories-judge", "stories-heldout", "arithmetic-prover", "arithmetic-verifier")
"""The warm-started models that ship with the package (``examples/warm_start`` makes them)."""


def weights_folder(name: str) -> Path:
    """Where a shipped model lies, or will lie once its script has made it."""
    if name not in WEIGHTS:
        raise ValueError(f"no tiny model {name!r}: choose one of {', '.join(WEIGHTS)}")
    return Path(__file__).parent / "weights" / name
