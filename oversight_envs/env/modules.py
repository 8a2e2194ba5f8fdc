"""What a PettingZoo module such as ``debate_v0`` offers, made from its protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import aec_to_parallel
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from oversight_envs.core.players import Players
from oversight_envs.core.protocol import Protocol, make_protocol
from oversight_envs.core.question import Task
from oversight_envs.core.rewards import RewardRule
from oversight_envs.env.aec import OversightEnv
from oversight_envs.env.single_agent import SingleAgentEnv


class EntryPoints(NamedTuple):
    """The functions that a PettingZoo module offers, for one protocol."""

    raw_env: Callable[..., OversightEnv]
    env: Callable[..., AECEnv[str, str, str]]
    parallel_env: Callable[..., ParallelEnv[str, str, str]]
    gym_env: Callable[..., SingleAgentEnv]


class CheckedEnv(OrderEnforcingWrapper[str, str, str]):
    """The environment in PettingZoo's wrapper that reports calls in the wrong order; it goes by its own name."""

    def __repr__(self) -> str:
        return repr(self.env)

    def __str__(self) -> str:
        return str(self.env)


def entry_points(protocol: type[Protocol], default_task: str) -> EntryPoints:
    """Makes ``raw_env``, ``env``, ``parallel_env`` and ``gym_env``, which take the protocol's options by keyword."""

    if not (isinstance(protocol, type) and issubclass(protocol, Protocol)):
        raise TypeError(f"protocol={protocol!r:.200}: give the class of a game, such as Debate")

    def raw_env(
        *,
        task: Task | str = default_task,
        players: Players | None = None,
        reward: str | RewardRule | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> OversightEnv:
        """The environment without wrappers."""
        game = make_protocol(protocol, options)
        return OversightEnv(game, task, players=players, reward=reward, render_mode=render_mode)

    def env(**options: Any) -> AECEnv[str, str, str]:
        """The environment in PettingZoo's wrapper that reports calls in the wrong order."""
        return CheckedEnv(raw_env(**options))

    def parallel_env(**options: Any) -> ParallelEnv[str, str, str]:
        """All agents step at once: only where they speak simultaneously and judges are filled from inside."""
        wrapped = env(**options)
        if not wrapped.metadata["is_parallelizable"]:
            raise ValueError(
                f"{protocol.name} has no parallel form with these options: the agents {wrapped.possible_agents} do not "
                "all act at once (speak simultaneously, and fill judges and verifiers through players)"
            )
        return aec_to_parallel(wrapped)

    def gym_env(**options: Any) -> SingleAgentEnv:
        """The one open role as a Gymnasium environment."""
        return SingleAgentEnv(raw_env(**options))

    return EntryPoints(raw_env, env, parallel_env, gym_env)
