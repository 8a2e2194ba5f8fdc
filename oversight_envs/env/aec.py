"""A protocol as a PettingZoo AEC environment.

Roles named in ``players`` are filled from inside; every role left over is an agent. That is the only rule: a judge
model given leaves two debaters as agents; no judge given makes the judge an agent too; one role left over is a
single-agent environment.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import gymnasium
import numpy as np
from pettingzoo import AECEnv

from oversight_envs.core.checks import at_least
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Players, check_players, describe_player
from oversight_envs.core.prompt import MAX_TEXT, Prompt, render_prompt
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import KINDS, Ask, Turn
from oversight_envs.core.rewards import RewardRule, finish, get_rule
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Speech
from oversight_envs.env.render import describe
from oversight_envs.env.spaces import TextObservation, Unicode
from oversight_envs.play.drive import drive
from oversight_envs.play.rollout import as_protocol, as_task
from oversight_envs.play.sides import other_sides

MAX_OBSERVATION = 100 * MAX_TEXT
"""Bound of the observation spaces, in characters."""
_SEARCHED = 1_000_000
"""The most questions that are looked through for an id; a procedural task has more than anyone could."""


def as_seed(seed: int | None) -> int | None:
    """A seed of ``reset`` as Python's number; Gymnasium knows no other and none below 0."""
    if seed is None:
        return None
    at_least("seed", seed, 0)
    return int(seed)


class OversightEnv(AECEnv[str, str, str]):
    """One protocol on the questions of one task.

    Observations are prompts as text (``TextObservation``, a ``str``); the messages are in ``infos[agent]["prompt"]``.
    Actions are text. Rewards are zero until the game is over, then what the reward rule says of its record; agents
    that judge earn the log score of the truth. ``episode`` is the game in progress (its transcript, decisions and
    scores are live), and after the last step ``record`` is the finished episode.

    If a filler raises (a model out of memory, a judge that can't read its own output), the exception passes through
    and the environment stays at that request: ``retry()`` asks again, ``reset()`` starts anew. Nothing is half done.
    """

    def __init__(
        self,
        protocol: Protocol | str,
        task: Task | str,
        *,
        players: Players | None = None,
        reward: str | RewardRule | None = None,
        render_mode: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.protocol = protocol = as_protocol(protocol)
        self.task = as_task(task)
        protocol.check_task(self.task)
        self.players = check_players(protocol, players)
        self._described = {role: describe_player(player) for role, player in self.players.items()}
        self.reward = get_rule(reward, protocol)
        if render_mode not in (None, "human", "ansi"):
            raise ValueError(f"render_mode={render_mode!r}: choose 'human', 'ansi' or None")
        self.render_mode = render_mode
        self.possible_agents = [role for role in protocol.roles if role not in self.players]
        if not self.possible_agents:
            raise ValueError("players fills every role, so there is nobody to step: use oversight_envs.rollout instead")
        speakers = [name for name, role in protocol.roles.items() if role.speaks]
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
        self._warned: set[int] = set()
        self._observations: dict[str, Prompt | TextObservation] = {}
        """What each agent was given last: the prompt, made a text when it is first looked at."""

    def __repr__(self) -> str:
        """What is played, who is an agent and who is filled from inside, and where the episode is."""
        filled = ", ".join(f"{role}={type(player).__name__}" for role, player in self.players.items())
        where = "not reset"
        if self.episode is not None:
            waits = ", ".join(dict.fromkeys(ask.role for ask in self.episode.asks))
            where = f"question {self.episode.question.id!r} {f'waits for {waits}' if waits else 'is over'}"
        who = f"agents {', '.join(self.possible_agents)}" + (f"; players {filled}" if filled else "")
        return f"<OversightEnv {self.metadata['name']} on {self.task.full_name}: {who}; {where}>"

    def observation_space(self, agent: str) -> Unicode:
        return self._of(agent, self.observation_spaces)  # type: ignore[no-any-return]

    def action_space(self, agent: str) -> Unicode:
        return self._of(agent, self.action_spaces)  # type: ignore[no-any-return]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Starts an episode.

        ``options["question"]`` chooses the question: an index into the task, its id, or a Question. The seed decides
        the question, the sides and all players' random streams. ``options["other_sides"]`` plays the same game with
        the sides exchanged: ``reset(seed=3)`` and ``reset(seed=3, options={"other_sides": True})`` give every debater
        both answers. Other options are ignored, as PettingZoo's own checks require.
        """
        reset_all([self], [seed], [options])

    def step(self, action: str | Speech | None) -> None:
        """What the selected agent says or decides; None for an agent whose game is over.

        A speaker's action may be a ``Speech``, which keeps the ids that were drawn.
        """
        if self.episode is None:
            raise RuntimeError("step() before reset(): call reset() first")
        if not self.agents:
            raise RuntimeError("step() after the end of the episode: call reset() to start another")
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        step_all([self], [action])

    def retry(self) -> None:
        """Asks the filler again that raised during the last ``step`` or ``reset``. Does nothing if none did."""
        if self.episode is None:
            raise RuntimeError("retry() before reset(): call reset() first")
        if self.agents and not any(self.terminations.values()) and not any(self.truncations.values()):
            _settle([self])

    def observe(self, agent: str) -> TextObservation:
        """The prompt that the agent is to answer, or the last one that it was given; empty before its first."""
        seen = self._of(agent, self._observations)
        if not isinstance(seen, TextObservation):
            seen = self._observations[agent] = TextObservation(render_prompt(seen))
        return seen

    def render(self) -> str | None:
        """The transcript so far as text: returned in mode ``ansi``, printed in mode ``human``.

        It shows what every player may know: no speech of a turn in which others have yet to speak, no private notes.
        """
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

    def asked(self) -> Ask:
        """What the selected agent is asked now: the messages, its random stream, its own assignment.

        Raises RuntimeError where no agent is to act: before ``reset``, at the end, or after a filler failed.
        """
        for ask in () if self.episode is None else self.episode.asks:
            if ask.role == self.agent_selection and ask.role not in self.players:
                return ask
        waiting = sorted({ask.role for ask in self.episode.asks}) if self.episode is not None else []
        raise RuntimeError(
            f"the game waits for {', '.join(waiting)}, filled from inside, which failed: retry() or reset()"
            if waiting
            else "no agent is asked anything: call reset()"
        )

    def _of(self, agent: str, places: Mapping[str, Any]) -> Any:
        if not isinstance(agent, str) or agent not in places:
            raise ValueError(
                f"no agent {agent!r:.80}: the agents are {', '.join(self.possible_agents)}; call reset() first"
            )
        return places[agent]

    def _chosen(self, options: Mapping[str, Any] | None) -> Question | None:
        if options is not None and not isinstance(options, Mapping):
            raise TypeError(f"options={options!r:.80}: give a dict, such as {{'question': 0}}")
        chosen, size = (options or {}).get("question"), len(self.task)
        if chosen is None or isinstance(chosen, Question):
            return chosen
        if isinstance(chosen, Integral) and not isinstance(chosen, bool) and 0 <= int(chosen) < size:
            return self.task[int(chosen)]
        hint = f"give a Question, the id of one, or an index from 0 to {size - 1}"
        if isinstance(chosen, str) and size > _SEARCHED:
            hint = f"ids are not looked up in {size:,} questions; give a Question, or an index from 0 to {size - 1}"
        elif isinstance(chosen, str):
            for question in self.task:
                if question.id == chosen:
                    return question
            hint = f"task {self.task.full_name} has no question of this id; {hint}"
        raise ValueError(f"options['question']={chosen!r:.80}: {hint}")

    def _samples(self, agent: str) -> tuple[str, ...]:
        does = self.protocol.roles[agent].does
        return next((kind.samples for duty, kind in KINDS.items() if duty in does and kind.samples), ())

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> None:
        seed, question = as_seed(seed), self._chosen(options)
        if seed is not None:
            self._rng = np.random.default_rng(derive_seed("env", seed))
        index = int(self._rng.integers(len(self.task)))  # drawn in any case: the stream doesn't depend on options
        if question is None:
            question = self.task[index]
        drawn = int(self._rng.integers(2**63))
        if options and options.get("other_sides"):
            drawn = other_sides(self.protocol, question, drawn)
        self.episode = Episode(self.protocol, question, drawn)
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

    def _act(self, action: str | Speech | None) -> None:
        ask = self.asked()
        if not (isinstance(action, str) or (isinstance(action, Speech) and isinstance(ask, Turn))):
            raise TypeError(f"the action of {ask.role} must be a string, not {action!r:.200}")
        assert self.episode is not None
        self.episode.answer(ask, action)
        self._cumulative_rewards[ask.role] = 0.0
        self._clear_rewards()

    def _show(self) -> None:
        """Gives the agents their prompts, or the rewards when the game is over."""
        episode = self.episode
        assert episode is not None
        if episode.done:
            self._finish(episode)
            return
        for ask in reversed(episode.asks):  # reversed: of several views for one judge the first is shown
            if ask.role not in self.players:
                self.agent_selection = ask.role
                self._observations[ask.role] = ask.prompt
                self.infos[ask.role] = {"prompt": ask.prompt}

    def _finish(self, episode: Episode) -> None:
        self.record = record = finish(episode, self.task, self.reward, players=self._described)
        summary = _summary(record)
        for agent in self.agents:
            self.rewards[agent] = record.rewards.get(agent, 0.0)
            self.terminations[agent] = record.truncated is None
            self.truncations[agent] = record.truncated is not None
            self.infos[agent] = dict(summary)
        self._accumulate_rewards()
        self.agent_selection = self.agents[0]


def reset_all(
    envs: Sequence[OversightEnv], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
) -> None:
    """``reset`` of each environment, with one call to a player for all that wait for it."""
    _same_length(envs, "seeds", seeds)
    _same_length(envs, "options", options)
    for env, seed, chosen in zip(envs, seeds, options, strict=True):
        env._begin(seed, chosen)
    _settle(envs)


def step_all(envs: Sequence[OversightEnv], actions: Sequence[str | Speech | None]) -> None:
    """``step`` of each environment's live agent, with one call to a player for all that wait for it."""
    _same_length(envs, "actions", actions)
    for env, action in zip(envs, actions, strict=True):
        env._act(action)
    _settle(envs)


def _same_length(envs: Sequence[OversightEnv], argument: str, given: Sequence[Any]) -> None:
    if isinstance(given, str) or len(given) != len(envs):
        raise ValueError(f"{argument}={given!r:.80}: give a list with one for each of the {len(envs)} environments")


def _settle(envs: Sequence[OversightEnv]) -> None:
    """Lets the fillers answer until every environment asks an agent or is over."""
    waiting = [(env.episode, env.players) for env in envs if env.episode is not None and _waits_inside(env)]
    if waiting:
        for _ in drive(waiting, warned=envs[0]._warned):
            pass
    for env in envs:
        env._show()


def _waits_inside(env: OversightEnv) -> bool:
    assert env.episode is not None
    asks = env.episode.asks
    return bool(asks) and all(ask.role in env.players for ask in asks)


def _summary(record: Record) -> dict[str, Any]:
    """What an agent is told once the game is over."""
    return {
        "question": record.question.id,
        "correct": dict(record.correct),
        "verdict": record.decision.verdict.probabilities if record.decision is not None else None,
        "scores": {scored.author: scored.value for scored in record.scores},
        "truncated": record.truncated,
    }
