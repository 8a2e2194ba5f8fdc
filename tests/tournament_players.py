"""Debaters of known strength on stories, and a judge whom a settling line convinces."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.prompt import render_prompt
from oversight_envs.core.question import Question
from oversight_envs.core.requests import Case, Turn
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges import CallableJudge
from oversight_envs.tasks.stories import Stories

STORIES = Stories("test")
EVIDENCE = "I can prove it: "


@cache
def story(question_id: str) -> Question:
    return STORIES[int(question_id.rpartition("-")[2])]


def debater(p: float) -> ScriptedAgent:
    """Says something that settles the matter with probability ``p``, else nothing to the point."""

    def speak(turn: Turn) -> str:
        proves = np.random.default_rng(derive_seed(turn.seed, "proves")).random() < p
        return f"{EVIDENCE}{turn.argues_for}." if proves else "Believe me."

    return ScriptedAgent(speak)


def judge(*, truth: float = 0.0) -> CallableJudge:
    """Believes who proves it; with ``truth``, in part of the questions, whoever is right, too. Else it is a tie."""

    def log_odds(case: Case) -> float:
        text, asked = render_prompt(case.prompt), story(case.question_id)
        sees = np.random.default_rng(derive_seed(case.question_id, "sees")).random() < truth
        believed = [
            (f"{EVIDENCE}{option}." in text) + 2 * (sees and asked.options.index(option) == asked.truth)
            for option in case.options
        ]
        return float(believed[0] - believed[1])

    return CallableJudge(log_odds=log_odds)


def known_order(count: int) -> dict[str, Any]:
    return {f"p{p:.2f}": debater(float(p)) for p in np.linspace(0.05, 0.95, count)}
