"""A user's program, which must pass ``mypy --strict`` against an installed package: see test_typed.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oversight_envs import (
    Assignment,
    Case,
    Decide,
    Message,
    Protocol,
    Question,
    Record,
    Role,
    Say,
    Turn,
    Verdict,
    View,
    debate_v0,
    rollout,
)
from oversight_envs.agents import BestOfNAgent, ScriptedAgent
from oversight_envs.core.protocol import Game
from oversight_envs.core.rewards import logit
from oversight_envs.evaluation import measure


@dataclass(frozen=True, kw_only=True)
class Advice(Protocol):
    name: ClassVar = "advice"
    reward: ClassVar = logit
    roles: ClassVar = {"adviser_0": Role("adviser", {"say"}, expert=True), "judge_0": Role("judge", {"decide"})}

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(sides={"adviser_0": int(rng.integers(2))})

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        said = yield Say({"adviser_0": (Message("user", question.passage),)})
        page = (Message("user", f"{question.text}\n{said['adviser_0'].shown()}"),)
        yield Decide("judge_0", (View(page, (0, 1)),), question.options)
        return None


class Even:
    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [Verdict((-0.6931471805599453, -0.6931471805599453)) for _ in cases]


class Own:
    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [f"It is {turn.argues_for}." for turn in turns]


records: list[Record] = rollout(Advice(), "passages", {"adviser_0": Own(), "judge_0": Even()}, questions=2)
accuracy: float | None = None if (found := measure(records).decisions) is None else found.accuracy.value
best = BestOfNAgent(ScriptedAgent(["Mine."]), Even(), 2)
env = debate_v0.raw_env(players={"judge_0": Even(), "debater_1": best})
env.reset(seed=1)
words: str = env.observe(env.agent_selection)
env.step("It is so.")
reward: float = env.rewards["debater_0"]
print(len(records), accuracy, len(words) > 0, reward)
