"""What both bridges share: a game with one open role, stepped alone or in a vector.

A bridge turns a game of texts into one of arrays, for libraries that know Box and Discrete. One environment is a vector
of one: both are stepped by the two functions below, in which each player is called once for all games that wait for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker

from oversight_envs.core.requests import Ask, Turn
from oversight_envs.core.speech import Speech
from oversight_envs.env.aec import OversightEnv, as_seed
from oversight_envs.env.aec import reset_all as reset_games
from oversight_envs.env.aec import step_all as step_games
from oversight_envs.env.single_agent import SingleAgentEnv

Observation = dict[str, np.ndarray]
StepResult = tuple[Observation, float, bool, bool, dict[str, Any]]


class Bridge(gymnasium.Env[Any, Any]):
    """A game with one open role as arrays.

    The reward of the game's end comes with the learner's last step, and is 0 before. The observation of an end is the
    last one that the learner was given. If a player raises (a model out of memory), the exception passes through and
    ``reset`` starts anew.

    Args:
        env: what ``gym_env()`` of a PettingZoo module or ``gymnasium.make`` returns, all roles but one filled.

    Raises ValueError for an environment with several open roles, and TypeError for one that is something else, or that
    has wrappers which a bridge would pass by: put them around the bridge.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        view = _single_agent_view(env)
        self.game, self.agent = view.env, view.agent
        self.metadata, self.render_mode = view.metadata, view.render_mode
        self._opened = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.game!r}>"

    def __str__(self) -> str:
        return repr(self)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        return reset_all([self], [seed], [options])[0]

    def step(self, action: Any) -> StepResult:
        return step_all([self], [action])[0]

    def render(self) -> str | None:  # type: ignore[override]
        return self.game.render()

    @property
    def ask(self) -> Ask:
        """What the learner is asked now."""
        return self.game.asked()

    @property
    def over(self) -> bool:
        return self.game.terminations[self.agent] or self.game.truncations[self.agent]

    @abstractmethod
    def observation(self) -> Observation:
        """The arrays that the learner sees now."""

    def info(self) -> dict[str, Any]:
        """What goes with the observation of a live game; small, as vectors copy it in each step."""
        return {}

    @abstractmethod
    def act(self, action: int) -> Speech | None:
        """Takes an action; returns the speech once it is complete."""

    @classmethod
    @abstractmethod
    def open_turns(cls, bridges: Sequence[Any]) -> None:
        """Prepares the learner's next turn in each of ``bridges``, all of them of this class."""

    def _checked(self, action: Any) -> int:
        if not self._opened:
            raise RuntimeError("step() before reset(), after the end of the episode or after a failure: call reset()")
        if isinstance(action, bool) or not self.action_space.contains(action):
            raise ValueError(f"action={action!r}: give a whole number of {self.action_space}")
        return int(action)

    def _info(self) -> dict[str, Any]:
        return dict(self.game.infos[self.agent]) if self.over else self.info()

    def _result(self) -> StepResult:
        game, agent = self.game, self.agent
        reward = float(game.rewards[agent])
        return self.observation(), reward, game.terminations[agent], game.truncations[agent], self._info()


def reset_all(
    bridges: Sequence[Bridge], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
) -> list[tuple[Observation, dict[str, Any]]]:
    """``reset`` of each bridge; all must be of one class."""
    seeds = [as_seed(seed) for seed in seeds]
    for bridge, seed in zip(bridges, seeds, strict=True):
        gymnasium.Env.reset(bridge, seed=seed)
        bridge._opened = False
    reset_games([bridge.game for bridge in bridges], seeds, options)
    _open_turns(bridges)
    return [(bridge.observation(), bridge._info()) for bridge in bridges]


def step_all(bridges: Sequence[Bridge], actions: Sequence[Any]) -> list[StepResult]:
    """``step`` of each bridge; all must be of one class. An action that is out of range leaves every game as it was."""
    checked = [bridge._checked(action) for bridge, action in zip(bridges, actions, strict=True)]
    speeches = [bridge.act(action) for bridge, action in zip(bridges, checked, strict=True)]
    spoken = [(bridge, speech) for bridge, speech in zip(bridges, speeches, strict=True) if speech is not None]
    for bridge, _ in spoken:
        bridge._opened = False
    # a judge decides in words; only a speaker's reply can carry ids
    actions = [speech if isinstance(bridge.ask, Turn) else speech.text for bridge, speech in spoken]
    step_games([bridge.game for bridge, _ in spoken], actions)
    _open_turns([bridge for bridge, _ in spoken])
    return [bridge._result() for bridge in bridges]


def _open_turns(bridges: Sequence[Bridge]) -> None:
    live = [bridge for bridge in bridges if not bridge.over]
    if live:
        type(live[0]).open_turns(live)
    for bridge in live:
        bridge._opened = True


def _single_agent_view(env: Any) -> SingleAgentEnv:
    while isinstance(env, OrderEnforcing | PassiveEnvChecker):  # what gymnasium.make puts around everything
        env = env.env
    if isinstance(env, SingleAgentEnv):
        return env
    inner = getattr(env, "unwrapped", env)
    if isinstance(inner, OversightEnv):
        return SingleAgentEnv(inner)
    if isinstance(inner, SingleAgentEnv):
        raise TypeError(f"env={env!r:.200}: a bridge passes by its wrappers; put them around the bridge instead")
    raise TypeError(f"env={env!r:.200}: give a single-agent environment of this library, such as debate_v0.gym_env()")
