"""A protocol as a PettingZoo AEC environment, and, when one role is open, as a Gymnasium environment.

Roles named in ``players`` are filled from inside; every role left over is an agent. That is the only rule: a judge
model given leaves two debaters as agents; no judge given makes the judge an agent too; one role left over is a
single-agent environment.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import aec_to_parallel
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Ask, Players, Turn, answer_asks, check_players, describe_player
from oversight_envs.core.prompt import MAX_TEXT, render_prompt
from oversight_envs.core.protocol import Protocol, Speech, make_protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record, make_record
from oversight_envs.core.rewards import RewardRule, get_rule, reward_all, rule_name
from oversight_envs.core.seeding import derive_seed
from oversight_envs.env.render import describe
from oversight_envs.env.spaces import TextObservation, Unicode
from oversight_envs.tasks import make_task

MAX_OBSERVATION = 100 * MAX_TEXT
"""Bound of the observation spaces, in characters."""


class OversightEnv(AECEnv[str, str, str]):
    """One protocol on the questions of one task.

    Observations are prompts as text (``TextObservation``, a ``str``); the messages are in ``infos[agent]["prompt"]``.
    Actions are text. Rewards are zero until the game is over, then what the reward rule says of its record; agents
    that judge earn the log score of the truth. After the last step ``record`` is the finished episode.

    If a filler raises (a model out of memory, a judge that can't read its own output), the exception passes through
    and the environment stays at that request: ``retry()`` asks again, ``reset()`` starts anew. Nothing is half done.
    """

    def __init__(
        self,
        protocol: Protocol,
        task: Task | str,
        *,
        players: Players | None = None,
        reward: str | RewardRule | None = None,
        render_mode: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.protocol = protocol
        self.task = make_task(task) if isinstance(task, str) else task
        if not isinstance(self.task, Task):
            raise TypeError(f"task={task!r:.200}: give a task or the name of one")
        protocol.check_task(self.task)
        self.players = check_players(protocol, players)
        self._described = {role: describe_player(player) for role, player in self.players.items()}
        get_rule(reward, protocol)  # raises early; looked up again when needed, as rules by name are not picklable
        self.reward = reward
        if render_mode not in (None, "human", "ansi"):
            raise ValueError(f"render_mode={render_mode!r}: choose 'human', 'ansi' or None")
        self.render_mode = render_mode
        self.possible_agents = [role for role in protocol.duties if role not in self.players]
        if not self.possible_agents:
            raise ValueError("players fills every role, so there is nobody to step: use oversight_envs.play instead")
        speakers = [role for role in protocol.duties if "say" in protocol.duties[role]]
        self.metadata = {
            "name": name or f"{protocol.name}_v0",
            "render_modes": ["human", "ansi"],
            "is_parallelizable": protocol.simultaneous and self.possible_agents == speakers,
            "render_fps": 1,
        }
        self.observation_spaces = {agent: Unicode(MAX_OBSERVATION) for agent in self.possible_agents}
        self.action_spaces = {agent: Unicode(MAX_TEXT, self._samples(agent)) for agent in self.possible_agents}
        self.agents: list[str] = []
        self.infos: dict[str, dict[str, Any]] = {}
        self.episode: Episode | None = None
        self.record: Record | None = None
        self._rng = np.random.default_rng()
        self._observations: dict[str, TextObservation] = {}

    def observation_space(self, agent: str) -> Unicode:
        return self.observation_spaces[agent]  # type: ignore[return-value]

    def action_space(self, agent: str) -> Unicode:
        return self.action_spaces[agent]  # type: ignore[return-value]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Starts an episode. ``options["question"]`` chooses the question: an index into the task, or a Question.

        The seed decides the question, the sides and all players' random streams. Other options are ignored, as
        PettingZoo's own checks require.
        """
        self.begin(seed, options)
        settle([self])

    def begin(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """``reset`` without the fillers: whoever resets many environments calls ``settle`` once for all of them."""
        if seed is not None:
            self._rng = np.random.default_rng(derive_seed("env", seed))
        chosen = (options or {}).get("question")
        index = int(self._rng.integers(len(self.task)))  # drawn in any case: the stream doesn't depend on options
        if chosen is None:
            chosen = index
        question = chosen if isinstance(chosen, Question) else self.task[chosen]
        self.episode = Episode(self.protocol, question, int(self._rng.integers(2**63)))
        self.record = None
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}
        self._observations = dict.fromkeys(self.agents, TextObservation())
        self._skip_agent_selection = None
        self.agent_selection = self.agents[0]

    def step(self, action: str | None) -> None:
        """What the selected agent says or decides; None for an agent whose game is over."""
        if self.episode is None:
            raise RuntimeError("step() before reset(): call reset() first")
        if not self.agents:
            raise RuntimeError("step() after the end of the episode: call reset() to start another")
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self.answer(action)
        settle([self])

    def answer(self, action: str | Speech | None) -> None:
        """``step`` of a live agent without the fillers: whoever steps many environments calls ``settle`` after it.

        A speaker's action may be a ``Speech`` here, which keeps the ids that were drawn.
        """
        agent, ask = self.agent_selection, self.ask(self.agent_selection)
        if ask is None:
            waiting = ", ".join(sorted({ask.role for ask in self.inside_asks()}))
            raise RuntimeError(f"the game waits for {waiting}, filled from inside, which failed: retry() or reset()")
        if not (isinstance(action, str) or (isinstance(action, Speech) and isinstance(ask, Turn))):
            raise TypeError(f"the action of {agent} must be a string, not {action!r:.200}")
        ask.episode.answer(ask, action)
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()

    def retry(self) -> None:
        """Asks the filler again that raised during the last ``step`` or ``reset``. Does nothing if none did."""
        if self.episode is None:
            raise RuntimeError("retry() before reset(): call reset() first")
        if self.agents and not any(self.terminations.values()) and not any(self.truncations.values()):
            settle([self])

    def observe(self, agent: str) -> TextObservation:
        """The prompt that the agent is to answer, or the last one that it was given; empty before its first."""
        if agent not in self._observations:
            raise ValueError(
                f"no agent {agent!r}: the agents are {', '.join(self.possible_agents)}; call reset() first"
            )
        return self._observations[agent]

    def render(self) -> str | None:
        """The transcript so far as text: returned in mode ``ansi``, printed in mode ``human``."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() without render_mode: pass render_mode='human' or 'ansi'")
            return None
        text = "" if self.episode is None else describe(self.episode, self.record)
        if self.render_mode == "ansi":
            return text
        print(text)
        return None

    def close(self) -> None:
        """Nothing to release: players belong to whoever made them."""

    def __deepcopy__(self, memo: dict[int, Any]) -> OversightEnv:
        """A copy at this very point of the episode. Task and players are shared: a model is not copied."""
        twin = copy.copy(self)
        memo[id(self)] = twin
        shared = ("protocol", "task", "players", "reward")
        twin.__dict__.update(
            {name: copy.deepcopy(value, memo) for name, value in self.__dict__.items() if name not in shared}
        )
        return twin

    def _samples(self, agent: str) -> tuple[str, ...]:
        duties = self.protocol.duties[agent]
        if "decide" in duties:
            return ("A", "B", "A: 0.7, B: 0.3", "B: 0.9, A: 0.1")
        return ("Yes", "No", "0.8", "35%") if "score" in duties else ()

    def ask(self, agent: str) -> Ask | None:
        """What the agent is asked now (the prompt, its random stream, the episode), or None when it is not its turn."""
        if self.episode is None:
            raise RuntimeError("ask() before reset(): call reset() first")
        return next((ask for ask in self.episode.asks if ask.role == agent), None)

    def inside_asks(self) -> tuple[Ask, ...]:
        """What fillers are asked now; nothing while an agent is to act, or when the game is over."""
        asks = () if self.episode is None else self.episode.asks
        return () if any(ask.role not in self.players for ask in asks) else asks

    def show(self) -> None:
        """Gives the agents their observations, or the rewards when the game is over: the last part of ``settle``."""
        episode = self.episode
        assert episode is not None
        if episode.done:
            self._finish(episode)
            return
        for ask in reversed(episode.asks):  # reversed: of several views for one judge the first is shown
            if ask.role not in self.players:
                self.agent_selection = ask.role
                self._observations[ask.role] = TextObservation(render_prompt(ask.prompt))
                self.infos[ask.role] = {"prompt": ask.prompt}

    def _finish(self, episode: Episode) -> None:
        record = make_record(episode, self.task, players=self._described, rule=rule_name(self.reward, self.protocol))
        earned = reward_all([record], get_rule(self.reward, self.protocol))[0]
        self.record = record = replace(record, rewards=earned)
        for agent in self.agents:
            self.rewards[agent] = float(earned.get(agent, 0.0))
            self.terminations[agent] = record.truncated is None
            self.truncations[agent] = record.truncated is not None
            self.infos[agent] = _summary(record)
        self._accumulate_rewards()
        self.agent_selection = self.agents[0]


def settle(envs: Sequence[OversightEnv]) -> None:
    """Lets the fillers answer until every environment asks an agent or is over.

    One call to a player for all environments that wait for it: a vector of games costs as many calls as one game, if
    the games share their players.
    """
    while waiting := [(env.players[ask.role], ask) for env in envs for ask in env.inside_asks()]:
        batches: dict[tuple[int, type[Ask]], list[tuple[Any, Ask]]] = {}
        for player, ask in waiting:
            batches.setdefault((id(player), type(ask)), []).append((player, ask))
        # speeches before verdicts: then one call to the judge serves all that reach it
        batch = max(batches.values(), key=lambda batch: (isinstance(batch[0][1], Turn), len(batch)))
        asks = [ask for _, ask in batch]
        for ask, reply in zip(asks, answer_asks(batch[0][0], asks), strict=True):
            ask.episode.answer(ask, reply)
    for env in envs:
        env.show()


def _summary(record: Record) -> dict[str, Any]:
    """What an agent is told once the game is over."""
    outcome = record.outcome
    verdict = outcome.decision.verdict.probabilities if outcome and outcome.decision else None
    return {
        "question": record.question.id,
        "correct": dict(record.correct),
        "verdict": verdict,
        "scores": dict(outcome.scores) if outcome else {},
        "truncated": record.truncated,
    }


class SingleAgentEnv(gymnasium.Env[str, str]):
    """An environment with one open role, as Gymnasium knows it: text in, text out.

    Raises ValueError for an environment with several agents: fill the other roles with ``players``.
    """

    def __init__(self, env: OversightEnv) -> None:
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

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[TextObservation, dict[str, Any]]:
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


class EntryPoints(NamedTuple):
    """The functions that a PettingZoo module offers, for one protocol."""

    raw_env: Callable[..., OversightEnv]
    env: Callable[..., AECEnv[str, str, str]]
    parallel_env: Callable[..., ParallelEnv[str, str, str]]
    gym_env: Callable[..., SingleAgentEnv]


def entry_points(protocol: type[Protocol], default_task: str) -> EntryPoints:
    """Makes ``raw_env``, ``env``, ``parallel_env`` and ``gym_env``, which take the protocol's options by keyword."""

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
        return OrderEnforcingWrapper(raw_env(**options))

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
