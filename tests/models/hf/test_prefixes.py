"""Shared beginnings are read once, and never with other weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from random_models import PASSAGE, PROMPTS, fresh, seeded, tiny_config, user
from transformers import LlamaForCausalLM

from oversight_envs.models import Generation, LanguageModel
from oversight_envs.models.hf.prefixes import CachedPrefix, PrefixCache


def test_shared_beginnings_are_read_once(tiny: LanguageModel) -> None:
    lm = fresh(tiny)
    computed: list[int] = []
    hook = lm.model.register_forward_pre_hook(
        lambda _, __, inputs: computed.append(inputs["input_ids"].numel()), with_kwargs=True
    )
    try:
        length = len(lm.encode(user(PASSAGE)))
        prompts = [user(f"{PASSAGE} Question {i}?") for i in "pqrs"]
        lm.label_log_probs(prompts, ["A", "B"])
        assert sum(computed) < 1.5 * length
        computed.clear()
        lm.label_log_probs([user(f"{PASSAGE} And now?")], ["A", "B"])  # and by later calls
        assert sum(computed) < 0.2 * length
        computed.clear()
        lm.generate([Generation(prompts[0], seed, 1) for seed in range(16)])  # best of 16
        assert sum(computed) < 0.2 * length
    finally:
        hook.remove()


def test_readings_by_changed_weights_are_dropped(tokenizer: Any) -> None:
    model = seeded(lambda: LlamaForCausalLM(tiny_config(len(tokenizer))))
    lm = LanguageModel(model, tokenizer)
    before = lm.label_log_probs([PROMPTS[2]], ["A", "B"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    model.train()
    model(torch.tensor([lm.encode(PROMPTS[0])])).logits.square().mean().backward()
    optimizer.step()
    after = lm.label_log_probs([PROMPTS[2]], ["A", "B"])
    assert model.training
    assert after[0].log_probs != before[0].log_probs
    assert np.allclose(after[0].log_probs, fresh(lm).label_log_probs([PROMPTS[2]], ["A", "B"])[0].log_probs, atol=1e-5)


def test_prefix_cache_is_bounded_and_keeps_what_was_used_last() -> None:
    cache = PrefixCache(10)
    for start in (0, 100, 200):
        cache.add(CachedPrefix(np.arange(start, start + 4), []))
    assert len(cache) == 8
    assert cache.find([0, 1])[1] == 0
    cached, shared = cache.find([100, 101, 7])
    assert cached is not None
    assert shared == 2
    cache.add(CachedPrefix(np.arange(100, 106), []))  # extends and replaces one
    assert len(cache) == 10
    cache.add(CachedPrefix(np.arange(50), []))  # too long to keep
    assert len(cache) == 10
