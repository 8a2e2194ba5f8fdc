"""From logits to tokens, each sample with a random stream of its own.

A sample is the winner of an exponential race (the Gumbel-max trick): every token of the vocabulary gets an exponential
number from the sample's own stream, and the token with the largest probability over its number is drawn. So a sample
depends on its seed and its logits alone, not on the batch, its order or a global generator; and it hardly depends on
rounding: logits that differ by d give another token with a probability of about d. (Inverting the cumulative
distribution would not do: rounding shifts each of its tens of thousands of steps, and one of them is often crossed.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from oversight_envs.models.requests import Generation, LabelReading, NonFiniteLogits


def log_softmax(logits: Tensor) -> Tensor:
    """Log-probabilities [n, vocabulary] in float64; a logit of -inf is a token ruled out.

    Raises NonFiniteLogits where the logits hold NaN, +inf or only -inf: guessing from these would hide a broken model.
    """
    log_probs = torch.log_softmax(logits.double(), dim=-1)
    if torch.isnan(log_probs).any():
        raise NonFiniteLogits(
            "the model's logits hold NaN or infinity; check its weights (training that diverged?) and its dtype"
        )
    return log_probs


def read_labels(logits: Tensor, label_ids: Tensor, labels: Sequence[str], name: str) -> list[LabelReading]:
    """How probable the labels with these ids [n, labels] are in every row of ``logits`` [n, vocabulary].

    Raises NonFiniteLogits, naming the model, where one is ruled out.
    """
    log_probs = log_softmax(logits).gather(-1, label_ids)
    masses = log_probs.logsumexp(dim=-1)
    if not torch.isfinite(log_probs).all():
        raise NonFiniteLogits(f"model {name!r} rules out a label of {list(labels)!r} (logit -inf)")
    normalised = (log_probs - masses[:, None]).tolist()
    return [LabelReading(tuple(row), mass) for row, mass in zip(normalised, masses.exp().tolist(), strict=True)]


def draw(
    logits: Tensor, requests: Sequence[Generation], streams: Sequence[np.random.Generator]
) -> tuple[list[int], list[float]]:
    """The next token of every row of ``logits`` [n, vocabulary], and its log-probability before top-p and top-k."""
    greedy = [request.temperature == 0 for request in requests]
    temperatures = [request.temperature or 1.0 for request in requests]
    log_probs = log_softmax(logits.double() / logits.new_tensor(temperatures, dtype=torch.float64)[:, None])
    if all(greedy):
        tokens = logits.argmax(dim=-1)
    else:
        tokens = _race(log_probs.exp(), requests, streams)
        tokens = torch.where(torch.tensor(greedy, device=logits.device), logits.argmax(dim=-1), tokens)
    drawn = log_probs.gather(-1, tokens[:, None])[:, 0]
    return tokens.tolist(), drawn.tolist()


def _race(probs: Tensor, requests: Sequence[Generation], streams: Sequence[np.random.Generator]) -> Tensor:
    for row, request in enumerate(requests):
        if request.top_k or request.top_p < 1:
            _truncate(probs[row], request.top_k, request.top_p)
    times = np.stack([stream.standard_exponential(probs.shape[-1], dtype=np.float32) for stream in streams])
    # never 0, so that a token of probability 0 can't win
    return (probs / torch.from_numpy(times).to(probs.device).clamp(min=1e-30)).argmax(dim=-1)


def _truncate(probs: Tensor, top_k: int, top_p: float) -> None:
    """Zeroes, in place, all but the ``top_k`` most probable tokens and the smallest set that holds ``top_p``."""
    values, order = probs.sort(descending=True, stable=True)
    dropped = values.cumsum(dim=-1) - values >= top_p  # the token that crosses top_p is kept
    if top_k:
        dropped[top_k:] = True
    dropped[0] = False
    probs[order[dropped]] = 0.0
