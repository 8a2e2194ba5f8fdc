"""Log-probabilities and entropies of drawn tokens, beside the plain way of computing them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from training_games import play, tiny

from oversight_envs.training import TextPolicy, collect, token_probs
from oversight_envs.training.samples import TokenSequence


def plain(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    log_softmax = logits.log_softmax(-1)
    return log_softmax.gather(-1, ids[:, None])[:, 0], -(log_softmax.exp() * log_softmax).sum(-1)


@pytest.mark.parametrize("used", [(0,), (1,), (0, 1)])
def test_they_are_those_of_log_softmax_and_so_are_their_gradients(
    used: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_probs, "_CHUNK", 150)  # three rows at a time
    stream = torch.Generator().manual_seed(0)
    logits = torch.randn(11, 50, generator=stream, dtype=torch.float64) * 4
    ids = torch.randint(50, (11,), generator=stream)
    weights = torch.randn(2, 11, generator=stream, dtype=torch.float64)
    gradients = []
    for compute in (token_probs.token_probs, plain):
        leaf = logits.clone().requires_grad_()
        found = compute(leaf, ids)
        assert all(torch.allclose(a, b) for a, b in zip(found, plain(logits, ids), strict=True))
        sum((found[i] * weights[i]).sum() for i in used).backward()  # type: ignore[union-attr]
        gradients.append(leaf.grad)
    assert gradients[0] is not None
    assert gradients[1] is not None
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-9)
    assert torch.allclose(token_probs.token_log_probs(logits, ids), plain(logits, ids)[0])


@pytest.mark.usefixtures("one_thread")
def test_a_policy_computes_the_same_on_own_tokens_as_on_all() -> None:
    """Beside one whole forward pass for each sequence; log-probabilities, entropies, values and all gradients."""
    policy = TextPolicy(tiny(), max_new_tokens=4, temperature=0.7)
    torch.nn.init.normal_(policy.value_head.weight, generator=torch.Generator().manual_seed(1))
    samples = collect(play(policy, samples=4, turns=2), policy.lm, ["speaker_0"])
    sequences = [sequence for trajectory in samples.trajectories for sequence in trajectory.sequences]
    assert len({len(sequence.ids) for sequence in sequences}) > 1

    def whole(sequence: TokenSequence) -> list[Tensor]:
        out = policy.lm.model(torch.tensor([sequence.ids]), output_hidden_states=True)
        before = torch.tensor(sequence.own) - 1
        ids = torch.tensor(sequence.ids)[before + 1]
        values = policy.value_head(out.hidden_states[-1][0, before])[:, 0]
        return [*plain(out.logits[0, before] / policy.temperature, ids), values]

    wanted = [torch.cat(parts) for parts in zip(*map(whole, sequences), strict=True)]
    found = policy.evaluate(sequences)
    gradients = []
    for numbers in (wanted, found):
        loss = sum((number * torch.linspace(-1, 1, len(number))).sum() for number in numbers)
        assert isinstance(loss, Tensor)
        gradients.append(torch.autograd.grad(loss, list(policy.parameters().values())))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(wanted, found, strict=True))
    assert all(torch.allclose(a, b, atol=1e-4, rtol=1e-4) for a, b in zip(*gradients, strict=True))
    with torch.no_grad():
        assert torch.equal(policy.values(sequences), found.values)
        assert torch.allclose(policy.reference_log_probs(sequences), wanted[0], atol=1e-5)
