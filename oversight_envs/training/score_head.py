"""A verifier that starts as a language model: its trunk, with a fresh score head where its output layer was."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, AutoModelForSequenceClassification

from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import LanguageModel
from oversight_envs.models.tiny import TinyForCausalLM, TinyForSequenceClassification
from oversight_envs.training.lora import add_lora

if TYPE_CHECKING:
    from peft import LoraConfig


class ScoreLayer(nn.Linear):
    """A score head that computes in float32, whatever the trunk computes in: bfloat16 has too few digits to rank by."""

    def forward(self, states: Tensor) -> Tensor:
        """``states`` [.., hidden] -> scores [.., 1]."""
        with torch.autocast(states.device.type, enabled=False):
            return super().forward(states.float())


def score_head(lm: LanguageModel, *, seed: int = 0, lora: LoraConfig | None = None) -> RewardModelVerifier:
    """A verifier for ``VerifierTrainer`` with a copy of the language model's weights and a head drawn from ``seed``.

    All of its weights are to be trained; with ``lora``, the head and an adapter of that shape in the trunk (leave its
    ``task_type`` unset). Parameters of the head have ``score`` in their names: ``lr_multipliers={"score": 10}``. Rows
    are padded with the tokenizer's pad token, or its end token; a model with neither reads solutions one by one.

    Raises ValueError for a model without a chat template, and for one whose architecture transformers has no sequence
    classifier for, or one that is not a trunk and a linear layer called ``score``.
    """
    made = _tiny if isinstance(lm.model, TinyForCausalLM) else _classifier
    model = made(lm, derive_seed("score head", seed))
    verifier = RewardModelVerifier(model, lm.tokenizer, name=f"{lm.name} with a score head")
    verifier.revision = lm.revision
    verifier.encode("?", "?")  # a missing chat template shows here, not in the first training step
    if lora is not None:
        model.requires_grad_(False)
        model.score.requires_grad_(True)
        add_lora(model.base_model, lora, seed=seed)
    return verifier


def _tiny(lm: LanguageModel, seed: int) -> TinyForSequenceClassification:
    return TinyForSequenceClassification.from_language_model(lm.model, seed=seed)


def _classifier(lm: LanguageModel, seed: int) -> Any:
    config = deepcopy(lm.model.config)
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ValueError(
            f"model {lm.name!r}: transformers has no sequence classifier for {type(config).__name__}; give a model of "
            "another architecture, or train a module of your own with VerifierTrainer"
        )
    config.num_labels, config.use_cache = 1, False
    pads = (lm.tokenizer.pad_token_id, lm.tokenizer.eos_token_id)
    known = range(lm.vocabulary_size)
    config.get_text_config().pad_token_id = next((pad for pad in pads if pad in known), None)
    with torch.device("meta"):  # its own first weights are not needed
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    trunk = lm.model.base_model
    if type(model.base_model) is not type(trunk) or not isinstance(getattr(model, "score", None), nn.Linear):
        raise ValueError(
            f"model {lm.name!r}: {type(model).__name__} is not {type(trunk).__name__} and a linear layer called "
            "'score'; give a model of another architecture"
        )
    model.score = ScoreLayer(model.score.in_features, 1, bias=False, device="meta").to_empty(device="cpu")
    std = getattr(config.get_text_config(), "initializer_range", 0.02)
    nn.init.normal_(model.score.weight, std=std, generator=torch.Generator().manual_seed(seed))
    setattr(model, model.base_model_prefix, deepcopy(trunk))
    model.base_model.config = model.config
    weight = next(trunk.parameters())
    return model.to(weight.device).requires_grad_(True)
