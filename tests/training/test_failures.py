"""When a training step fails: nothing of it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from training_games import play, same, tiny, weights

from oversight_envs.training import PPO, DivergenceError, OutOfMemoryError, PPOConfig, TextPolicy

pytestmark = pytest.mark.usefixtures("one_thread")


def raising(method: Any, calls: Sequence[int], error: BaseException) -> Any:
    """``method`` that raises on these calls (counted from 1)."""
    count = 0

    def called(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count in calls:
            raise error
        return method(*args, **kwargs)

    return called


@pytest.mark.parametrize("calls", [[1, 2], [4, 5], [3, 6]])
def test_out_of_memory_twice_changes_nothing(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-2, epochs=2, minibatches=2))
    ppo.step(play(policy))  # so that AdamW has moments
    before = weights(ppo)
    records = play(policy, seed=1)
    with monkeypatch.context() as patched:
        error = torch.OutOfMemoryError("no memory left")
        patched.setattr(policy.lm.model, "forward", raising(policy.lm.model.forward, calls, error))
        with pytest.raises(OutOfMemoryError, match="max_batch_tokens"):
            ppo.step(records)
    assert same(weights(ppo), before)
    assert all(p.grad is None for p in policy.parameters().values())
    twin = TextPolicy(tiny(), max_new_tokens=3)
    other = PPO(twin, ["speaker_0"], ppo.config)
    other.load(before)
    assert other.step(records) == ppo.step(records)  # and the next step is what it would have been
    assert same(weights(other), weights(ppo))


def test_out_of_memory_once_goes_on_in_smaller_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for calls in ([], [3]):
        policy = TextPolicy(tiny(), max_new_tokens=3)
        ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-3, epochs=2, minibatches=2))
        records = play(policy)
        error = torch.OutOfMemoryError("no memory left")
        monkeypatch.setattr(policy.lm.model, "forward", raising(policy.lm.model.forward, calls, error))
        results.append((ppo.step(records), weights(ppo)))
    (whole, a), (halved, b) = results
    assert (whole["halved"], halved["halved"]) == (0.0, 1.0)
    assert whole["policy_loss"] == pytest.approx(halved["policy_loss"], abs=1e-5)
    assert all(torch.allclose(a[name], b[name], atol=1e-4) for name in a if name.startswith("weights/"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("something else")])
def test_any_other_failure_undoes_the_step_too(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-2, epochs=2, minibatches=2))
    records, before = play(policy), weights(ppo)
    monkeypatch.setattr(policy.lm.model, "forward", raising(policy.lm.model.forward, [4], error))
    with pytest.raises(type(error)):
        ppo.step(records)
    assert same(weights(ppo), before)


def test_a_loss_that_is_not_finite_is_not_applied() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(epochs=2))
    records, before = play(policy), weights(ppo)
    with pytest.raises(DivergenceError):
        ppo.step(records, [{"speaker_0": 1e38 * (-1) ** i} for i, _ in enumerate(records)])
    assert same(weights(ppo), before)
