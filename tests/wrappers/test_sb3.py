"""Stable-Baselines3 trains against the bridges: it learns, repeats itself, saves and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import obs_as_tensor

from oversight_envs import prover_verifier_v0
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.question import Task
from oversight_envs.core.requests import Turn
from oversight_envs.judges import CallableJudge
from oversight_envs.models import load
from oversight_envs.tasks import make_task
from oversight_envs.wrappers import (
    BatchedVecEnv,
    CandidatesEnv,
    CandidatesPolicy,
    CausalLMPolicy,
    HashingEncoder,
    TokensEnv,
)

LM = "tiny-arithmetic-prover"


WORDS = ("surely", "perhaps", "never", "often")


def prover_env(task: Task, likes: Any, **options: Any) -> Any:
    """A lone prover, and a verifier whose score is the reward."""
    players = {"verifier_0": CallableJudge(scores=likes)}
    return prover_verifier_v0.gym_env(task=task, players=players, provers="helpful", reward="goodhart", **options)


def choosing(task: Task, shuffled: bool) -> Any:
    """Four speeches, one of which the verifier likes; in a new order each turn, or always in the same one."""

    def speech(turn: Turn) -> str:
        order = np.random.default_rng(turn.episode_seed).permutation(4) if shuffled else range(4)
        return WORDS[order[turn.draw]]

    proposer, encoder = ScriptedAgent(speech), HashingEncoder(32)
    likes = lambda solution: 2.0 * ("often" in solution.text)  # noqa: E731
    return lambda: CandidatesEnv(prover_env(task, likes), proposer, n=4, encoder=encoder)


def writing() -> Any:
    """The arithmetic prover; its verifier likes short solutions."""
    task = make_task("arithmetic", style="chain")
    likes = lambda solution: -len(solution.text.splitlines())  # noqa: E731
    return lambda: TokensEnv(prover_env(task, likes, wording="tiny_prover_verifier"), LM, length=80, max_new_tokens=48)


def token_model(seed: int = 0, games: int = 8, steps: int = 16, **options: Any) -> PPO:
    env = make_vec_env(writing(), games, seed, vec_env_cls=BatchedVecEnv)
    settings = {"n_steps": steps, "batch_size": 64, "n_epochs": 1, "gamma": 1.0, "gae_lambda": 1.0, **options}
    return PPO(CausalLMPolicy, env, policy_kwargs={"lm": LM}, seed=seed, device="cpu", **settings)


def weights(model: Any) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach()


@pytest.mark.parametrize(
    ("algorithm", "policy", "shuffled", "options"),
    [
        (PPO, "MultiInputPolicy", False, {"n_steps": 16, "batch_size": 64, "learning_rate": 3e-3}),
        (PPO, CandidatesPolicy, True, {"n_steps": 16, "batch_size": 64, "learning_rate": 3e-3}),
        (DQN, "MultiInputPolicy", False, {"learning_starts": 100, "learning_rate": 3e-3, "gamma": 0.0}),
    ],
)
def test_a_learner_finds_the_word_that_the_verifier_likes(
    sums: Task, algorithm: Any, policy: Any, shuffled: bool, options: Any
) -> None:
    make = choosing(sums, shuffled)
    env = make_vec_env(make, 8, seed=0, vec_env_cls=BatchedVecEnv)
    model = algorithm(policy, env, seed=0, device="cpu", **options).learn(1500)
    test = make_vec_env(make, 8, seed=100)
    mean, _ = evaluate_policy(model, test, n_eval_episodes=40)
    assert mean > 1.5  # random choice: 0.5; the most: 2


def test_masked_candidates_are_never_chosen(sums: Task) -> None:
    proposer = ScriptedAgent(lambda turn: ["so", "so", "", "not so"][turn.draw])
    env = CandidatesEnv(prover_env(sums, lambda solution: 0.0), proposer, n=4)
    model = PPO(CandidatesPolicy, env, seed=0, device="cpu")
    observation, _ = env.reset(seed=0)
    assert {int(model.predict(observation)[0]) for _ in range(40)} == {0, 3}


def test_all_weights_start_as_they_are_and_dropout_stays_off() -> None:
    model = token_model()
    model.policy.train(True)
    assert not model.policy.model.training
    start = dict(load(LM).model.named_parameters())
    for name, parameter in model.policy.model.named_parameters():
        assert torch.equal(parameter, start[name])
        assert parameter is not start[name]


@pytest.mark.parametrize("vector", [BatchedVecEnv, None])
def test_the_cache_gives_what_reading_everything_gives(vector: Any) -> None:
    model = token_model()
    env = make_vec_env(writing(), 5, seed=1, vec_env_cls=vector)
    observation, read, ended = env.reset(), [], 0
    hook = lambda module, args, inputs: read.append(tuple(inputs["input_ids"].shape))  # noqa: E731
    handle = model.policy.model.register_forward_pre_hook(hook, with_kwargs=True)
    for step in range(60):
        tensors = obs_as_tensor(observation, "cpu")
        read.clear()
        with torch.no_grad():
            actions, values, log_probs = model.policy(tensors)
            again = model.policy.predict_values(tensors)  # the same rows: nothing is read
        assert torch.equal(values, again)
        if step and not ended:
            assert read == [(5, 1)]
        whole_values, whole, _ = model.policy.evaluate_actions(tensors, actions)
        assert torch.allclose(log_probs, whole, atol=1e-4)
        assert torch.allclose(values, whole_values, atol=1e-4)
        observation, _, dones, _ = env.step(actions.numpy())
        ended = int(dones.sum())
        if step == 30:  # a change of the weights is noticed
            ended = 1
            with torch.no_grad():
                model.policy.model.lm_head.weight += 0.01
                model.policy.value_net.weight += 0.1
    handle.remove()


def test_token_by_token_it_learns_what_the_verifier_likes() -> None:
    model = token_model(games=32, steps=32, learning_rate=5e-4, batch_size=128).learn(1024)
    before = np.mean([episode["r"] for episode in model.ep_info_buffer])
    model.learn(7 * 1024, reset_num_timesteps=False)
    after = np.mean([episode["r"] for episode in model.ep_info_buffer])
    assert after > before + 0.5  # a reward of -1 for each line: about 3.2 lines at first


def test_training_repeats_itself_saves_and_goes_on(tmp_path: Path) -> None:
    model = token_model(seed=3).learn(256)
    assert torch.equal(weights(model), weights(token_model(seed=3).learn(256)))
    assert not torch.equal(weights(model), weights(token_model(seed=4).learn(256)))
    model.save(tmp_path / "model.zip")
    assert (tmp_path / "model.zip").stat().st_size < 4 * 4 * len(weights(model))  # weights and two moments, no model
    loaded = PPO.load(tmp_path / "model.zip", env=model.get_env(), device="cpu")
    assert torch.equal(weights(loaded), weights(model))
    loaded.learn(128, reset_num_timesteps=False)
    assert loaded.num_timesteps == 256 + 128
    assert not torch.equal(weights(loaded), weights(model))
    model.policy.save(str(tmp_path / "policy.pt"))
    policy = CausalLMPolicy.load(str(tmp_path / "policy.pt"), device="cpu")
    observation = model.get_env().reset()
    assert np.array_equal(
        policy.predict(observation, deterministic=True)[0], model.predict(observation, deterministic=True)[0]
    )


def test_the_temperature_is_the_same_everywhere() -> None:
    env = writing()()
    cold, warm = (
        CausalLMPolicy(
            env.observation_space, env.action_space, lambda _: 1e-3, lm=lambda: load(LM).copy(), temperature=temperature
        )
        for temperature in (0.5, 1.0)
    )
    observation = obs_as_tensor({key: value[None] for key, value in env.reset(seed=0)[0].items()}, "cpu")
    every = torch.arange(len(load(LM).tokenizer))
    expected = torch.log_softmax(warm.get_distribution(observation).log_prob(every) / 0.5, dim=-1)
    with torch.no_grad():
        assert torch.allclose(cold.get_distribution(observation).log_prob(every), expected, atol=1e-4)
    for action in (3, 7):
        log_prob = cold.evaluate_actions(observation, torch.tensor([action]))[1]
        assert torch.allclose(log_prob, expected[action], atol=1e-4)


def test_policies_and_models_that_do_not_fit(sums: Task) -> None:
    env = writing()()
    with pytest.raises(ValueError, match="same model"):
        PPO(CausalLMPolicy, env, policy_kwargs={"lm": "tiny-stories-debater"})
    with pytest.raises(TypeError, match="or a function that makes one"):
        PPO(CausalLMPolicy, env, policy_kwargs={"lm": load(LM)})
    with pytest.raises(ValueError, match="temperature=0"):
        PPO(CausalLMPolicy, env, policy_kwargs={"lm": LM, "temperature": 0})
    with pytest.raises(ValueError, match="needs that of a TokensEnv"):
        PPO(CausalLMPolicy, choosing(sums, True)(), policy_kwargs={"lm": LM})
