"""How probable drawn tokens are, out of logits over the whole vocabulary, at the least memory that a gradient needs.

Logits [n, vocabulary] are the largest tensors of training: with 49,152 tokens in the vocabulary each drawn token has
0.2 MB. Plainly written, log-softmax, choice and entropy keep four such tensors for the backward pass and make three
more in it; here one is kept and one is made.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CHUNK = 2**20
"""Numbers that are worked on at once: few enough to stay in a processor's cache."""


class _TokenProbs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        log_softmax = torch.log_softmax(logits, dim=-1)
        entropies = torch.cat(
            [-(part.exp() * part).sum(dim=-1) for part in torch.split(log_softmax, _rows(log_softmax))]
        )
        ctx.save_for_backward(log_softmax, ids, entropies)
        ctx.set_materialize_grads(False)
        return log_softmax.gather(-1, ids[:, None])[:, 0], entropies

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, of_log_probs: Tensor | None, of_entropies: Tensor | None) -> tuple[Tensor, None]:
        """With p = softmax, of a token a: d log p_a = 1[a] - p, and d H = -p (log p + H)."""
        log_softmax, ids, entropies = ctx.saved_tensors
        gradient = torch.empty_like(log_softmax)
        weights = torch.zeros_like(entropies) if of_log_probs is None else of_log_probs
        for i in range(0, len(ids), _rows(log_softmax)):
            rows = slice(i, i + _rows(log_softmax))
            part = torch.exp(log_softmax[rows], out=gradient[rows])
            factor = -weights[rows, None]
            if of_entropies is not None:
                factor = factor - of_entropies[rows, None] * (log_softmax[rows] + entropies[rows, None])
            part *= factor
            part.scatter_add_(1, ids[rows, None], weights[rows, None])
        return gradient, None


def token_probs(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """The log-probability of each token of ``ids`` [n], and the entropy of the distribution it was drawn from, in nats.

    ``logits`` [n, vocabulary] are float32 and at the temperature that is meant. Both results have gradients.
    """
    found: tuple[Tensor, Tensor] = _TokenProbs.apply(logits, ids)  # type: ignore[no-untyped-call]
    return found


def token_log_probs(logits: Tensor, ids: Tensor) -> Tensor:
    """The log-probabilities of ``token_probs`` alone, without a gradient and without another tensor of that size."""
    with torch.no_grad():
        masses = torch.cat([part.logsumexp(dim=-1) for part in torch.split(logits, _rows(logits))])
        return logits.gather(-1, ids[:, None])[:, 0] - masses


def _rows(logits: Tensor) -> int:
    return max(1, _CHUNK // logits.shape[-1])
