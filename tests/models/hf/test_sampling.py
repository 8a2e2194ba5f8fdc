"""What is drawn follows the distribution, and leaves the global random state alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from random_models import plain_logits, requests, user, word_model
from scipy.stats import chisquare

from oversight_envs.models import Generation, LanguageModel


def test_sampling_follows_the_distribution() -> None:
    lm = word_model(max_batch=512)
    ids = lm.encode(user("a b c"))
    count = 4000

    def frequencies(**options: Any) -> np.ndarray:
        drawn = lm.generate([Generation(ids, seed, 1, **options) for seed in range(count)])
        return np.bincount([c.token_ids[0] for c in drawn], minlength=len(lm.tokenizer))

    logits = plain_logits(lm, ids)[-1].double()
    for temperature in (1.0, 0.5):
        expected = torch.softmax(logits / temperature, dim=-1).numpy()
        assert chisquare(frequencies(temperature=temperature), count * expected).pvalue > 1e-3
    probs = torch.softmax(logits, dim=-1).numpy()
    order = np.argsort(-probs)
    nucleus = order[: int(np.searchsorted(np.cumsum(probs[order]), 0.6)) + 1]
    assert set(np.flatnonzero(frequencies(top_p=0.6))) == set(nucleus)
    assert set(np.flatnonzero(frequencies(top_k=3))) == set(order[:3])
    assert set(np.flatnonzero(frequencies(top_p=1e-9))) == {order[0]}


def test_the_global_random_state_is_left_alone(tiny: LanguageModel) -> None:
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    tiny.generate(requests(3))
    assert torch.equal(before, torch.random.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()
