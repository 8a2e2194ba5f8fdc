"""Steps per second of Stable-Baselines3 PPO through each bridge, beside the same PPO on numeric environments.

    python examples/benchmarks/sb3_bridges.py [--out examples/results/sb3_bridges.json]

The numeric environments have the same spaces and episodes of the same length, and no game behind them: random vectors
in place of embeddings, random prompts in place of tokenised ones. All rows are measured in one run, in turns; the best
of two is kept. ``scripted`` players cost next to nothing, so that row is the bridge itself. The profile is of one
more training through the batched vector, under cProfile (which makes Python code look more expensive than it is).
"""

from __future__ import annotations

import argparse
import cProfile
import json
import platform
import pstats
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from oversight_envs import debate_v0, prover_verifier_v0
from oversight_envs.agents import LanguageModelAgent, ScriptedAgent
from oversight_envs.judges import CallableJudge, LogitJudge
from oversight_envs.tasks import make_task
from oversight_envs.wrappers import BatchedVecEnv, CandidatesEnv, CandidatesPolicy, CausalLMPolicy, TokensEnv

GAMES = 32
PROVER = "tiny-arithmetic-prover"
SHARES = {  # what the profile asks for: the end of the file's name, the function, what it is
    "proposals and opponents (generate)": ("models/hf/language_model.py", "generate"),
    "judge (decide)": ("judges/language_model.py", "decide"),
    "encoder": ("wrappers/encoders.py", "encode"),
    "everyone but the learner, proposals, encoder": ("wrappers/bridge.py", "_go_on"),
    "all of the vector's step": ("wrappers/vector.py", "step_wait"),
    "policy while collecting": ("policy.py", "forward"),
    "PPO update": ("ppo/ppo.py", "train"),
}


class Numeric(gymnasium.Env[Any, Any]):
    """The spaces of ``like`` and nothing behind them. With ``tokens`` an observation grows by what was chosen."""

    def __init__(self, like: Any, episode: int) -> None:
        self.observation_space, self.action_space, self.episode = like.observation_space, like.action_space, episode
        self.tokens, self.prompt = "tokens" in like.observation_space.spaces, 24
        self.rng = np.random.default_rng(0)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.step_count, self.seen = 0, self._seen()
        return self.seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.step_count += 1
        if self.tokens:
            place = self.prompt + self.step_count - 1
            self.seen = {key: value.copy() for key, value in self.seen.items()}
            self.seen["tokens"][place], self.seen["mask"][place] = action, 1
        else:
            self.seen = self._seen()
        return self.seen, float(action == 0), self.step_count == self.episode, False, {}

    def _seen(self) -> dict[str, np.ndarray]:
        spaces = self.observation_space.spaces  # type: ignore[attr-defined]
        if not self.tokens:
            seen = {key: self.rng.standard_normal(space.shape, np.float32) for key, space in spaces.items()}
            return seen | {"mask": np.ones(spaces["mask"].shape, np.int8)}
        seen = {key: np.zeros(space.shape, space.dtype) for key, space in spaces.items()}
        seen["tokens"][: self.prompt] = self.rng.integers(self.action_space.n, size=self.prompt)  # type: ignore[attr-defined]
        seen["mask"][: self.prompt] = 1
        return seen


def candidates(models: bool) -> Callable[[], Any]:
    task, options = make_task("stories"), {"wording": "tiny_debate"}
    debater: Any = LanguageModelAgent("tiny-stories-debater", max_new_tokens=12)
    judge: Any = LogitJudge("tiny-stories-judge")
    if not models:
        texts = [f"<quote>Day {day}: Ann moved the lantern to the cellar.</quote>" for day in range(8)]
        debater, judge = ScriptedAgent(lambda turn: texts[turn.draw]), CallableJudge(log_odds=lambda case: 0.5)
    players = {"debater_1": debater, "judge_0": judge}
    return lambda: CandidatesEnv(debate_v0.gym_env(task=task, players=players, **options), debater)


def tokens() -> Any:
    players = {"verifier_0": CallableJudge(scores=lambda solution: 0.0)}
    task, options = make_task("arithmetic", style="chain"), {"provers": "helpful", "wording": "tiny_prover_verifier"}
    env = prover_verifier_v0.gym_env(task=task, players=players, reward="correctness", **options)
    return TokensEnv(env, PROVER, length=96, max_new_tokens=48)


def rows() -> dict[str, tuple[Callable[[], Any], Any, Any, int]]:
    """Name -> how to make one environment, the vector's class, the policy with its options, steps to train."""
    chooses, writes, mlp = (CandidatesPolicy, {}), (CausalLMPolicy, {"lm": PROVER}), ("MultiInputPolicy", {})
    rereads = CausalLMPolicy, {"lm": PROVER, "cache": False}
    scripted, models = candidates(False), candidates(True)
    return {
        "candidates: numeric": (lambda: Numeric(scripted(), 1), DummyVecEnv, chooses, 4096),
        "candidates: scripted, DummyVecEnv": (scripted, DummyVecEnv, chooses, 2048),
        "candidates: scripted, BatchedVecEnv": (scripted, BatchedVecEnv, chooses, 2048),
        "candidates: tiny models, DummyVecEnv": (models, DummyVecEnv, chooses, 256),
        "candidates: tiny models, BatchedVecEnv": (models, BatchedVecEnv, chooses, 256),
        "tokens: numeric, MultiInputPolicy": (lambda: Numeric(tokens(), 22), DummyVecEnv, mlp, 4096),
        "tokens: numeric, CausalLMPolicy": (lambda: Numeric(tokens(), 22), DummyVecEnv, writes, 2048),
        "tokens: prover, DummyVecEnv": (tokens, DummyVecEnv, writes, 2048),
        "tokens: prover, BatchedVecEnv": (tokens, BatchedVecEnv, writes, 2048),
        "tokens: prover, without the cache": (tokens, BatchedVecEnv, rereads, 2048),
    }  # fmt: skip


def measure(
    make: Any, vector: Any, policy: Any, steps: int, profile: cProfile.Profile | None = None
) -> dict[str, float]:
    """Steps per second of the whole training, and of collecting alone."""
    env = make_vec_env(make, GAMES, 0, vec_env_cls=vector)
    options = {"batch_size": 256, "n_epochs": 2, "gamma": 1.0, "seed": 0, "device": "cpu"}
    model = PPO(policy[0], env, n_steps=steps // GAMES, policy_kwargs=policy[1], **options)
    updating, update = 0.0, model.train

    def timed_update() -> None:
        nonlocal updating
        start = time.perf_counter()
        update()
        updating += time.perf_counter() - start

    model.train = timed_update  # type: ignore[method-assign]
    env.reset()
    if profile is not None:
        profile.enable()
    start = time.perf_counter()
    model.learn(steps)
    wall = time.perf_counter() - start
    if profile is not None:
        profile.disable()
    return {"train": steps / wall, "collect": steps / (wall - updating)}


def shares(make: Any, vector: Any, policy: Any, steps: int) -> dict[str, float]:
    """Share of the time in each of ``SHARES``, everything that it calls included: they overlap."""
    profile = cProfile.Profile()
    measure(make, vector, policy, steps, profile)
    stats: Any = pstats.Stats(profile)
    found = dict.fromkeys(SHARES, 0.0)
    for (file, _, function), (_, _, _, cumulative, _) in stats.stats.items():
        for name, (ending, wanted) in SHARES.items():
            if file.endswith(ending) and function == wanted:
                found[name] += cumulative / stats.total_tt
    return {name: round(share, 3) for name, share in found.items() if share}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    best: dict[str, dict[str, float]] = {}
    for _ in range(2):
        for name, row in rows().items():
            found = measure(*row)
            best[name] = {key: max(value, best.get(name, {}).get(key, 0.0)) for key, value in found.items()}
    profiles = {name: shares(*row) for name, row in rows().items() if "BatchedVecEnv" in name}
    for name, found in best.items():
        numeric = best["candidates: numeric" if name.startswith("cand") else "tokens: numeric, CausalLMPolicy"]
        found["numeric / this"] = numeric["train"] / found["train"]
        print(f"{name:40} {found['train']:8.0f} {found['collect']:8.0f} {found['numeric / this']:6.2f}")
    print(json.dumps(profiles, indent=1))
    result = {
        "what": "PPO steps per second (training, collecting alone); the numeric environment's rate over this one's",
        "rows": {name: {key: round(value, 2) for key, value in found.items()} for name, found in best.items()},
        "profile": profiles,
        "games": GAMES,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("stable_baselines3", "torch", "gymnasium", "numpy")},
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
