"""Rows that begin alike hold their beginning once, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from random_models import PASSAGE, fresh, plain_logits, seeded, tiny_config, user
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from oversight_envs.models import Generation, LanguageModel
from oversight_envs.models.hf.forward import Reader

KINDS = ("llama", "gpt2", "neox", "qwen3", "mistral")


def model(kind: str, size: int) -> Any:
    config = tiny_config(size)
    options = {key: value for key, value in config.to_dict().items() if key not in ("model_type", "architectures")}
    small = {"vocab_size": size, "initializer_range": 0.2}
    makers = {
        "llama": lambda: LlamaForCausalLM(config),
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_positions=1024, n_embd=32, n_layer=2, n_head=4, **small)),
        "neox": lambda: GPTNeoXForCausalLM(
            GPTNeoXConfig(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=1024,
                **small,
            )
        ),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**options)),
        "mistral": lambda: MistralForCausalLM(MistralConfig(**{**options, "sliding_window": 20})),
    }
    return seeded(makers[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_shared_is_held_once_and_changes_nothing(tokenizer: Any, kind: str) -> None:
    lm = LanguageModel(model(kind, len(tokenizer)), tokenizer, context_length=1024)
    assert lm._reader.shares == (kind != "mistral")  # a window ends inside the beginning: it is copied then
    before = lm.model.config._attn_implementation
    one, other = user(f"{PASSAGE * 2} One?"), user((PASSAGE * 2)[::-1] + " Two, and a longer question?")
    short = f"{PASSAGE} And"  # copied
    asked = [
        Generation(prompt, seed, 6 + seed)
        for seed in range(3)
        for prompt in (one, other, user("Hi"), user(f"{short} {seed}?"))
    ]
    expected = [fresh(lm, prefix_tokens=0).generate([request])[0] for request in asked]
    for engine in (lm, lm, fresh(lm, max_batch=2), fresh(lm, prefix_tokens=600)):  # the second finds all kept
        for got, alone in zip(engine.generate(asked), expected, strict=True):
            assert got.token_ids == alone.token_ids
            assert np.allclose(got.log_probs, alone.log_probs, atol=1e-4)
    assert lm.model.config._attn_implementation == before


def test_layers_hold_only_what_each_row_has_for_itself(tokenizer: Any) -> None:
    lm = LanguageModel(model("llama", len(tokenizer)), tokenizer)
    long = tuple(lm.encode(user(PASSAGE * 2)))
    prompts = [(*long, 5), (*long, 5), (*long, 6, 7), (8, 9, 10)]
    shared = [len(long)] * 3 + [0]
    with torch.inference_mode():
        batch = lm._reader.read(prompts, shared, 2)
        assert {layer.keys.shape[2] for layer in batch.layers} == {3}
        assert [(part.rows, part.length) for part in batch.beginnings] == [(slice(0, 3), len(long)), (slice(3, 4), 0)]
        for tokens in ([5, 6, 7, 8], [1, 1, 1, 1]):
            lm._reader.step(batch, tokens)
        batch = batch.select([2, 0, 3], 1)
        lm._reader.step(batch, [4, 4, 4])
    for row, logits in zip(batch.rows, batch.logits, strict=True):
        assert torch.allclose(logits, plain_logits(lm, row)[-1], atol=1e-3)
    assert [row[-3:] for row in batch.rows] == [[7, 1, 4], [5, 1, 4], [8, 1, 4]]


def test_without_sharing_the_plain_attention_is_used(tokenizer: Any) -> None:
    odd = model("llama", len(tokenizer))
    odd.config._attn_implementation = "eager"  # may cap or sink, which shared attention knows nothing of
    assert not Reader(odd, prefix_tokens=100, cache=True).shares
    assert not Reader(odd, prefix_tokens=100, cache=False).shares
