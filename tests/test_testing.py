"""The conformance kit itself: it finds what is broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from oversight_envs import Assignment, Decide, Message, Protocol, Question, Role, Say, Speech, Task, Turn, View
from oversight_envs.agents import BestOfNAgent, SpeakingJudge
from oversight_envs.core.protocol import Game
from oversight_envs.core.rewards import log_probability, logit, nobody
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import ConformanceError, Puppet, check_agent, check_judge, check_protocol, check_task


@dataclass(frozen=True, kw_only=True)
class Leaky(Protocol):
    """A broken game: it tells the judge the passage."""

    name: ClassVar = "leaky"
    reward: ClassVar = nobody
    roles: ClassVar = {"judge_0": Role("judge", {"decide"})}

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        view = View((Message("user", question.text + question.passage[:30]),), (0, 1))
        yield Decide("judge_0", (view,), question.options)


class Restless(Leaky):
    """A broken game: its prompts come from a global random state."""

    count: ClassVar[int] = 0

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        Restless.count += 1
        view = View((Message("user", f"{question.text} {Restless.count}"),), (0, 1))
        yield Decide("judge_0", (view,), question.options)


class Endless(Leaky):
    """A broken game: it never ends."""

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        while True:
            yield Decide("judge_0", (View((Message("user", "?"),), (0, 1)),), question.options)


@pytest.mark.parametrize(
    ("protocol", "message"), [(Leaky(), "shows passage text"), (Restless(), "another log"), (Endless(), "did not end")]
)
def test_the_kit_finds_broken_protocols(protocol: Protocol, message: str, things: Task) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_protocol(protocol, things)


@dataclass(frozen=True, kw_only=True)
class Peers(Protocol):
    """Two who argue, the second of whom decides: what it loses in log score, nobody wins."""

    name: ClassVar = "peers"
    reward: ClassVar = logit
    zero_sum: ClassVar = True
    roles: ClassVar = {"peer_0": Role("peer", {"say"}), "peer_1": Role("peer", {"say", "decide"})}

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(sides={"peer_0": 0, "peer_1": 1})

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        prompt = (Message("user", question.text),)
        yield Say(dict.fromkeys(self.roles, prompt))
        yield Decide("peer_1", (View(prompt, (0, 1)),), question.options)


@dataclass(frozen=True, kw_only=True)
class NotZeroSum(Peers):
    """A broken game: it says that it is zero-sum."""

    reward: ClassVar = log_probability


def test_zero_sum_is_what_the_rule_pays_whoever_also_judges(things: Task) -> None:
    check_protocol(Peers(), things)
    with pytest.raises(ConformanceError, match="declared zero-sum"):
        check_protocol(NotZeroSum(), things)


def test_the_kit_finds_broken_players_and_tasks(things: Task) -> None:
    calls = iter(range(1000))
    check_agent(Puppet())
    check_judge(Puppet())
    check_task(things)
    with pytest.raises(ConformanceError, match="differs when alone"):
        check_judge(CallableJudge(log_odds=lambda case: float(next(calls))))

    class Positional(Puppet):
        """Says where in the batch a turn stood."""

        def speak(self, turns: Any) -> Any:
            return [Speech(str(place)) for place in range(len(turns))]

    with pytest.raises(ConformanceError, match="differs when"):
        check_agent(Positional())

    class Twice(type(things)):
        def __getitem__(self, index: int) -> Question:
            return replace(super().__getitem__(index), id="same")

    with pytest.raises(ConformanceError, match="share an id"):
        check_task(Twice())


def test_the_kit_checks_players_of_every_shape(things: Any) -> None:
    class Later:
        async def answer(self, ask: Any) -> Any:
            return Puppet().speak([ask])[0] if isinstance(ask, Turn) else Puppet().decide([ask])[0]

    class Forgetful:
        calls = 0

        async def answer(self, ask: Any) -> str:
            Forgetful.calls += 1
            return f"call {Forgetful.calls}"

    check_agent(BestOfNAgent(Puppet(), Puppet(), 3))
    check_agent(Later())
    check_judge(Later())
    check_judge(SpeakingJudge(Puppet(), Puppet()))
    check_protocol(Debate(), things, players={"debater_0": BestOfNAgent(Puppet(), Puppet(), 2), "debater_1": Later()})
    with pytest.raises(ConformanceError, match="differs when"):
        check_agent(Forgetful())
