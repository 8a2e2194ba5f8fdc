"""PPO: on games whose optimum is known, against a naive computation, and its settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from training_games import Colours, play, replies, tiny, train

from oversight_envs.core.prompt import Message
from oversight_envs.core.record import Record
from oversight_envs.core.speech import Speech
from oversight_envs.training import PPO, PPOConfig, TextPolicy, collect

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("estimator", ["gae", "rloo", "grpo", "reinforce"])
def test_every_estimator_learns_to_say_the_word_that_pays(estimator: Any) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    settings = PPOConfig(
        estimator=estimator, learning_rate=3e-3, kl_coef=0.01, epochs=2, minibatches=2, lr_multipliers={"value_head": 5}
    )
    _, log = train(policy, settings, 25)
    assert log[0]["reward"] < 0.15
    assert log[-1]["reward"] > 0.9
    assert log[0]["drawn_gap"] < 1e-4  # the probabilities of training are those of sampling


def speeches(policy: TextPolicy, prompt: list[int], left: int) -> dict[tuple[int, ...], float]:
    """The probability of every speech of at most ``left`` tokens."""
    with torch.no_grad():
        probabilities = policy.lm.model(torch.tensor([prompt])).logits[0, -1].softmax(-1).tolist()
    found = {}
    for token, p in enumerate(probabilities):
        ended = left == 1 or token in policy.lm.chat.end_ids
        rest = {(): 1.0} if ended else speeches(policy, [*prompt, token], left - 1)
        found |= {(token, *more): p * q for more, q in rest.items()}
    return found


@pytest.mark.parametrize("estimator", ["gae", "rloo"])
def test_a_strong_kl_penalty_leads_to_the_closed_form(estimator: Any) -> None:
    """Over all speeches of up to two tokens: the optimum is pi proportional to pi_ref exp(r / beta)."""
    beta = 0.5
    policy = TextPolicy(tiny(words="red green blue"), max_new_tokens=2)
    end = policy.lm.tokenizer.eos_token_id
    worth = {"red": 0.5, "green red": 1.0, "blue blue": 0.8, "red red": -0.5}

    def pay(records: Sequence[Record]) -> list[dict[str, float]]:
        return [{"speaker_0": worth.get(replies(record)[0].text, 0.0)} for record in records]

    def reward(speech: tuple[int, ...]) -> float:
        return worth.get(policy.lm.chat.decode(speech[:-1] if speech[-1] == end else speech), 0.0)

    prompts = [policy.lm.encode((Message("user", question.text),)) for question in Colours()]
    best = []
    for prompt in prompts:
        weighed = {speech: p * math.exp(reward(speech) / beta) for speech, p in speeches(policy, prompt, 2).items()}
        best.append({speech: p / sum(weighed.values()) for speech, p in weighed.items()})

    def distance() -> float:
        """Total variation, of the worse question."""
        now = [speeches(policy, prompt, 2) for prompt in prompts]
        return max(sum(abs(a[speech] - b[speech]) for speech in a) / 2 for a, b in zip(now, best, strict=True))

    before = distance()
    settings = PPOConfig(
        estimator=estimator, learning_rate=4e-3, schedule="linear", total_steps=60, kl_coef=beta, normalise=False,
        epochs=2, minibatches=2, max_grad_norm=10.0,
    )  # fmt: skip
    train(policy, settings, 60, samples=128, reward=pay)
    assert before > 0.1
    assert distance() < 0.1 * before, (before, distance())


def naive_step(policy: TextPolicy, records: Sequence[Record], settings: PPOConfig) -> dict[str, torch.Tensor]:
    """One update on one big batch, token by token, from the papers' formulas and plain forward passes."""
    policy = deepcopy(policy)
    reference = deepcopy(policy.lm.model)
    rows = []
    for record in records:
        ids: list[int] = []
        own: list[int] = []
        for entry in record.entries:
            assert isinstance(entry.reply, Speech)
            ids = policy.lm.encode(entry.prompt)
            own += range(len(ids), len(ids) + len(entry.reply.token_ids))
            ids += entry.reply.token_ids
        rows.append((ids, own, record.rewards["speaker_0"]))
    outputs = []
    for ids, own, reward in rows:
        out = policy.lm.model(torch.tensor([ids]), output_hidden_states=True)
        log_softmax = (out.logits[0] / policy.temperature).log_softmax(-1)
        ref = (reference(torch.tensor([ids])).logits[0] / policy.temperature).log_softmax(-1).detach()
        value = policy.value_head(out.hidden_states[-1][0])[:, 0]
        kl = [(log_softmax[t - 1, ids[t]] - ref[t - 1, ids[t]]).item() for t in own]
        values = [value[t - 1].item() for t in own] + [0.0]
        deltas = [-settings.kl_coef * k + values[j + 1] - values[j] for j, k in enumerate(kl)]
        deltas[-1] += reward
        adv = [sum(settings.lam ** (k - j) * deltas[k] for k in range(j, len(own))) for j in range(len(own))]
        outputs.append((ids, own, log_softmax, value, adv, [a + v for a, v in zip(adv, values)]))
    flat = np.array([a for *_, adv, _ in outputs for a in adv])
    total, loss = len(flat), torch.zeros(())
    for ids, own, log_softmax, value, adv, returns in outputs:
        for t, a, r in zip(own, adv, returns):
            a = (a - flat.mean()) / (flat.std() + 1e-4)
            log_prob = log_softmax[t - 1, ids[t]]
            entropy = -(log_softmax[t - 1].exp() * log_softmax[t - 1]).sum()
            loss = loss - (log_prob - log_prob.detach()).exp() * a / total
            loss = loss + settings.value_coef * (value[t - 1] - r) ** 2 / 2 / total
            loss = loss - settings.entropy_coef * entropy / total
    loss.backward()
    return {name: p.grad for name, p in policy.parameters().items() if p.grad is not None}


@pytest.mark.parametrize("max_batch_tokens", [100_000, 40])
def test_a_step_has_the_gradient_of_a_naive_computation_however_it_is_cut(
    max_batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=4, temperature=0.8)
    nn.init.normal_(policy.value_head.weight, std=0.3, generator=torch.Generator().manual_seed(0))
    played = play(policy, samples=10, turns=2)
    samples = collect(played, policy.lm, ["speaker_0"])
    records = [r for r, made in zip(played, samples.trajectories, strict=True) if len(made.sequences) == 1]
    assert len(records) >= 5
    settings = PPOConfig(entropy_coef=0.01, kl_coef=0.1, lam=0.9, max_batch_tokens=max_batch_tokens, max_grad_norm=1e9)
    want = naive_step(policy, records, settings)
    ppo = PPO(policy, ["speaker_0"], settings)
    got = {}
    update = ppo.optimiser.update
    monkeypatch.setattr(
        ppo.optimiser,
        "update",
        lambda: (got.update({n: p.grad.clone() for n, p in ppo.optimiser.parameters.items()}), update())[1],  # type: ignore[union-attr]
    )
    ppo.step(records)
    assert got.keys() == want.keys()
    for name in want:
        assert torch.allclose(got[name], want[name], atol=1e-5, rtol=1e-3), name


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"schedule": "cosine"},
        {"schedule": "linear"},
        {"epochs": 0},
        {"betas": (0.9, 1.0)},
        {"lr_multipliers": {"value_head": -1.0}},
        {"estimator": "ppo"},
        {"kl_coef": -0.1},
        {"clip": 1.5},
        {"lam": 2.0},
        {"max_kl": 0.0},
    ],
)
def test_settings_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        PPOConfig(**options)


def test_the_learning_rate_is_a_function_of_the_step() -> None:
    made = PPOConfig(learning_rate=1.0, schedule="linear", total_steps=10, warmup_steps=2)
    assert [made.rate(step) for step in (0, 1, 5, 10, 12)] == [0.5, 0.9, 0.5, 0.0, 0.0]


def test_a_large_change_ends_the_step_early() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    records = play(policy)
    calm = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-6, epochs=3, minibatches=2, max_kl=0.02)).step(records)
    assert (calm["updates"], calm["stopped_early"]) == (6.0, 0.0)
    wild = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=0.1, epochs=3, minibatches=2, max_kl=0.02)).step(records)
    assert (wild["updates"], wild["stopped_early"]) == (1.0, 1.0)
    assert wild["kl_step"] > 0.02


def test_equal_rewards_without_a_penalty_leave_the_policy_as_it_is() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(estimator="rloo", kl_coef=0.0, learning_rate=0.1))
    before = {name: p.detach().clone() for name, p in policy.parameters().items()}
    records = play(policy)
    statistics = ppo.step(records, [{"speaker_0": 0.3}] * len(records))
    assert (statistics["incomparable"], statistics["grad_norm"]) == (1.0, 0.0)
    assert all(torch.equal(before[name], p) for name, p in policy.parameters().items())
