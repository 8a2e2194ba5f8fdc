"""A vector of bridges for Stable-Baselines3 in which every player is called once a step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from oversight_envs.wrappers.bridge import Bridge, reset_all, step_all


class BatchedVecEnv(DummyVecEnv):
    """``DummyVecEnv`` for bridges: the same results, with the calls of all games put together.

    In each step every judge, opponent, proposer and encoder is called once for all games that wait for it, if the games
    share it: make the players outside the function that makes an environment. Games whose episode ends are reset, as in
    any vector, while the others go on. Use it wherever SB3 takes a vector class:
    ``make_vec_env(make_env, n_envs=32, vec_env_cls=BatchedVecEnv)``.

    Return and length of finished episodes are in ``info["episode"]``; ``Monitor`` around single environments, which
    ``make_vec_env`` adds, is taken off.

    Raises TypeError for an environment that is no bridge or has other wrappers, and ValueError for bridges of two
    classes.
    """

    def __init__(self, env_fns: list[Callable[[], gymnasium.Env[Any, Any]]]) -> None:
        if not isinstance(env_fns, Sequence) or not env_fns or not all(callable(make) for make in env_fns):
            raise TypeError(f"env_fns={env_fns!r:.80}: give a list of functions, each of which makes an environment")
        super().__init__(env_fns)
        self.bridges: list[Bridge] = []
        for env in self.envs:
            bridge = env.env if isinstance(env, Monitor) else env
            if not isinstance(bridge, Bridge):
                raise TypeError(f"env_fns: {env!r:.200} is not a CandidatesEnv or TokensEnv, or has wrappers")
            self.bridges.append(bridge)
        self.envs = list(self.bridges)
        if len({type(bridge) for bridge in self.bridges}) > 1:
            raise ValueError("env_fns: a vector holds either CandidatesEnv or TokensEnv, not both")
        self._returns, self._lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=int)
        self._start = time.time()

    def reset(self) -> VecEnvObs:
        self._returns[:], self._lengths[:] = 0.0, 0
        self._reset_games(range(self.num_envs), self._seeds, [options or None for options in self._options])
        self._reset_seeds()
        self._reset_options()
        return self._obs_from_buf()

    def step_wait(self) -> VecEnvStepReturn:
        ended = []
        for i, (observation, reward, terminated, truncated, info) in enumerate(
            step_all(self.bridges, list(self.actions))
        ):
            self.buf_rews[i], self.buf_dones[i] = reward, terminated or truncated
            self.buf_infos[i] = info | {"TimeLimit.truncated": truncated and not terminated}
            self._save_obs(i, observation)
            self._returns[i] += reward
            self._lengths[i] += 1
            if self.buf_dones[i]:
                ended.append(i)
                episode = {"r": float(self._returns[i]), "l": int(self._lengths[i]), "t": time.time() - self._start}
                self.buf_infos[i] |= {"terminal_observation": observation, "episode": episode}
                self._returns[i], self._lengths[i] = 0.0, 0
        self._reset_games(ended, [None] * len(ended), [None] * len(ended))
        return self._obs_from_buf(), np.copy(self.buf_rews), np.copy(self.buf_dones), list(self.buf_infos)

    def _reset_games(
        self, which: Sequence[int], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
    ) -> None:
        results = reset_all([self.bridges[i] for i in which], seeds, options)
        for i, (observation, self.reset_infos[i]) in zip(which, results, strict=True):
            self._save_obs(i, observation)
