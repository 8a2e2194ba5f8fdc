"""The engine's results depend on nothing but the request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from random_models import PASSAGE, PROMPTS, fresh, plain_logits, requests, seeded, tiny_config, user, word_model
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, MistralConfig, MistralForCausalLM

from oversight_envs.models import Generation, LanguageModel, PromptTooLong


@pytest.mark.parametrize("sampling", [{}, {"temperature": 0.0}, {"temperature": 0.7, "top_p": 0.8, "top_k": 50}])
def test_batch_equals_one_by_one_in_any_order(tiny: LanguageModel, sampling: dict[str, Any]) -> None:
    asked = requests(18, **sampling)
    alone = [fresh(tiny, prefix_tokens=0).generate([request])[0] for request in asked]
    for lm in (
        fresh(tiny, max_batch=4),
        fresh(tiny, max_batch=32),
        fresh(tiny, prefix_tokens=0),
        fresh(tiny, cache=False),
    ):
        together = lm.generate(asked)
        backwards = lm.generate(asked[::-1])[::-1]
        for one, two, three in zip(alone, together, backwards, strict=True):
            assert one.token_ids == two.token_ids == three.token_ids
            assert one.text == two.text
            assert np.allclose(one.log_probs, two.log_probs, atol=1e-4)
            assert np.allclose(one.log_probs, three.log_probs, atol=1e-4)


@pytest.mark.parametrize("kind", ["learned positions", "sliding window"])
def test_batch_equals_one_by_one_for_other_architectures(tokenizer: Any, kind: str) -> None:
    size = len(tokenizer)
    if kind == "learned positions":
        config: Any = GPT2Config(
            vocab_size=size, n_positions=300, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2
        )
        model = seeded(lambda: GPT2LMHeadModel(config))
    else:
        options = {**tiny_config(size).to_dict(), "model_type": "mistral", "sliding_window": 20}
        model = seeded(lambda: MistralForCausalLM(MistralConfig(**options)))
    lm = LanguageModel(model, tokenizer, context_length=300)
    texts = ["Hi", f"{PASSAGE} One?", f"{PASSAGE} Two and more?", "Why?", "Where is it?", "How?"]
    asked = [Generation(user(text), i, max_new_tokens=100 if len(text) < 20 else 3) for i, text in enumerate(texts)]
    alone = [fresh(lm, prefix_tokens=0, context_length=300).generate([request])[0] for request in asked]
    assert [c.token_ids for c in lm.generate(asked)] == [c.token_ids for c in alone]
    # filled to the last position
    ids = lm.encode(user(PASSAGE))
    full = [Generation(ids, 0, 300 - len(ids)), *[Generation(user("Hi"), seed, 260) for seed in (1, 2, 3, 4)]]
    together = fresh(lm, context_length=300).generate(full)
    assert together[0].token_ids == fresh(lm, context_length=300).generate(full[:1])[0].token_ids
    # read on from a kept beginning
    [one, two] = lm.label_log_probs([user(texts[1]), user(texts[2])], ["A", "B"])
    expected = torch.log_softmax(plain_logits(lm, lm.encode(user(texts[1])))[-1][lm.label_ids(["A", "B"])], dim=-1)
    assert np.allclose(one.log_probs, expected.numpy(), atol=1e-3)
    assert one.log_probs != two.log_probs


def test_batch_equals_one_by_one_on_a_real_model(smollm: LanguageModel) -> None:
    asked = [Generation(prompt, seed=i, max_new_tokens=10) for i, prompt in enumerate(PROMPTS[:6])]
    alone = [fresh(smollm, prefix_tokens=0).generate([request])[0] for request in asked]
    assert [c.token_ids for c in fresh(smollm).generate(asked)] == [c.token_ids for c in alone]


def test_completions_end_with_the_end_token_or_the_limit() -> None:
    lm = word_model()
    done = lm.generate([Generation(user("a b"), seed, 5) for seed in range(40)])
    end = lm.tokenizer.eos_token_id
    assert {c.finished for c in done} == {True, False}
    for completion in done:
        assert completion.finished == (completion.token_ids[-1] == end)
        assert end not in completion.token_ids[:-1]
        assert completion.finished or len(completion.token_ids) == 5
        assert len(completion.log_probs) == len(completion.token_ids)
        assert lm.chat.decode(lm.chat.without_end(completion.token_ids)) == completion.text
    assert lm.generate([]) == []


def test_prompt_too_long_is_told_before_anything_is_computed(tokenizer: Any) -> None:
    lm = LanguageModel(Untouchable(tiny_config(len(tokenizer))), tokenizer, name="short", context_length=40)
    with pytest.raises(PromptTooLong, match=r"500 new ones exceed the 40 that model 'short'.*fit_passage"):
        lm.generate([Generation(user("Hi"), 0, 500)])
    with pytest.raises(PromptTooLong):
        lm.label_log_probs([user("Hi"), user(PASSAGE)], ["A", "B"])


class Untouchable(torch.nn.Module):
    """A model that must not be called."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, **_: Any) -> None:
        raise AssertionError("computed")


def test_labels_are_read_as_in_a_plain_forward_pass(tiny: LanguageModel) -> None:
    a, b = tiny.label_ids(["A", "B"])
    for lm in (tiny, fresh(tiny, prefix_tokens=0), fresh(tiny, max_batch=1), fresh(tiny, cache=False)):
        for prompt, reading in zip(PROMPTS, lm.label_log_probs(PROMPTS, ["A", "B"]), strict=True):
            log_probs = torch.log_softmax(plain_logits(lm, lm.encode(prompt))[-1].double(), dim=-1)
            assert reading.mass == pytest.approx(float(log_probs[[a, b]].exp().sum()), rel=1e-3)
            assert reading.log_probs[0] - reading.log_probs[1] == pytest.approx(
                float(log_probs[a] - log_probs[b]), abs=1e-3
            )
            assert sum(np.exp(reading.log_probs)) == pytest.approx(1)


@pytest.mark.parametrize("labels", [["A", "antidisestablishment"], ["A", "A"], ["A"], ["A", ""], ["A", "<|im_end|>"]])
def test_labels_must_be_single_different_tokens(tiny: LanguageModel, labels: list[str]) -> None:
    with pytest.raises(ValueError, match="label"):
        tiny.label_log_probs([user("Hi")], labels)
