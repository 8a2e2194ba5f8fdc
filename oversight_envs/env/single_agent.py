"""An environment with one open role, as Gymnasium knows it."""

from __future__ import annotations

from typing import Any

import gymnasium

from oversight_envs.env.aec import OversightEnv, as_seed
from oversight_envs.env.spaces import TextObservation


class SingleAgentEnv(gymnasium.Env[str, str]):
    """An environment with one open role, as Gymnasium knows it: text in, text out.

    Raises ValueError for an environment with several agents: fill the other roles with ``players``.
    """

    def __init__(self, env: OversightEnv) -> None:
        inner = getattr(env, "unwrapped", env)  # PettingZoo's own wrappers add nothing here
        if not isinstance(inner, OversightEnv):
            raise TypeError(f"env={env!r:.200}: give an OversightEnv, such as debate_v0.raw_env(players={{...}})")
        env = inner
        if len(env.possible_agents) != 1:
            raise ValueError(
                f"a single-agent view needs one open role, and {', '.join(env.possible_agents)} are open: "
                "fill all but one with players={role: player}"
            )
        self.env = env
        self.agent = env.possible_agents[0]
        self.metadata = {"render_modes": env.metadata["render_modes"], "render_fps": 1}
        self.render_mode = env.render_mode
        self.observation_space = env.observation_space(self.agent)
        self.action_space = env.action_space(self.agent)

    def __repr__(self) -> str:
        return f"<SingleAgentEnv of {self.env!r}>"

    def __str__(self) -> str:
        return repr(self)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[TextObservation, dict[str, Any]]:
        seed = as_seed(seed)
        super().reset(seed=seed)
        self.env.reset(seed, options)
        return self.env.observe(self.agent), self.env.infos[self.agent]

    def step(self, action: str) -> tuple[TextObservation, float, bool, bool, dict[str, Any]]:
        if not self.env.agents or self.env.terminations[self.agent] or self.env.truncations[self.agent]:
            raise RuntimeError("step() before reset() or after the end of the episode: call reset()")
        self.env.step(action)
        agent, env = self.agent, self.env
        reward = float(env.rewards[agent])
        return env.observe(agent), reward, env.terminations[agent], env.truncations[agent], env.infos[agent]

    def render(self) -> str | None:  # type: ignore[override]
        return self.env.render()
