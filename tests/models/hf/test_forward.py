"""What is read off a forward pass: the probabilities of a plain one, numbers or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from random_models import plain_logits, requests, seeded, tiny_config, user
from transformers import LlamaForCausalLM

from oversight_envs.models import Generation, LanguageModel, NonFiniteLogits


def test_log_probs_are_those_of_a_plain_forward_pass(tiny: LanguageModel) -> None:
    for temperature, top_p in [(1.0, 1.0), (0.6, 0.9), (0.0, 1.0)]:
        for request in requests(temperature=temperature, top_p=top_p):
            [completion] = tiny.generate([request])
            prompt = tiny.encode(request.prompt)  # type: ignore[arg-type]
            logits = plain_logits(tiny, [*prompt, *completion.token_ids])[len(prompt) - 1 : -1]
            expected = torch.log_softmax(logits.double() / (temperature or 1.0), dim=-1)
            picked = expected[range(len(completion.token_ids)), completion.token_ids]
            assert np.allclose(completion.log_probs, picked.numpy(), atol=1e-4)
            if temperature == 0:
                assert logits.argmax(dim=-1).tolist() == list(completion.token_ids)


def test_logits_that_are_no_numbers_raise(tokenizer: Any) -> None:
    for bad in (float("nan"), float("inf")):
        model = seeded(lambda: LlamaForCausalLM(tiny_config(len(tokenizer))))
        with torch.no_grad():
            model.lm_head.weight[7] = bad
        lm = LanguageModel(model, tokenizer)
        with pytest.raises(NonFiniteLogits):
            lm.label_log_probs([user("Hi")], ["A", "B"])
        with pytest.raises(NonFiniteLogits):
            lm.generate([Generation(user("Hi"), 0, 2)])
