"""Environments with one open role, for the tests of the bridges to array-based RL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from oversight_envs.core.question import Task
from oversight_envs.core.requests import Turn
from oversight_envs.models import LanguageModel, load
from oversight_envs.testing import Puppet


def game(module: Any, role: str, task: Task, player: Any = Puppet(), **options: Any) -> Any:  # noqa: B008
    """``module``'s environment with ``role`` left open."""
    roles = module.raw_env(task=task, **options).possible_agents
    return module.gym_env(task=task, players={r: player for r in roles if r != role}, **options)


@cache
def reader() -> LanguageModel:
    """A tokenizer for the tokens bridge, and room for long prompts: here the weights are never used."""
    tiny = load("tiny-arithmetic-prover")
    return LanguageModel(tiny.model, tiny.tokenizer, context_length=4096)


class Counting(Puppet):
    """A legal player that counts how often it is called."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "calls", {"speak": 0, "decide": 0})

    def speak(self, turns: Sequence[Turn]) -> Any:
        self.calls["speak"] += 1  # type: ignore[attr-defined]
        return super().speak(turns)

    def decide(self, cases: Any) -> Any:
        self.calls["decide"] += 1  # type: ignore[attr-defined]
        return super().decide(cases)
