"""The language-model engine: any Hugging Face causal language model as debater, prover, judge or verifier.

``load("smollm2-135m")`` gives a ``LanguageModel``; ``LanguageModel(model, tokenizer)`` wraps one that is in memory.
Importing this package imports torch and transformers; the core never does.
"""

from oversight_envs.models.engine import Ability, Engine, TrainableEngine
from oversight_envs.models.hf.language_model import LanguageModel
from oversight_envs.models.hf.loading import load
from oversight_envs.models.passages import fit_passage
from oversight_envs.models.requests import Completion, Generation, LabelReading, NonFiniteLogits, PromptTooLong

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
]
