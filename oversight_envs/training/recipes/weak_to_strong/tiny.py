"""The weak-to-strong recipe in small: the tiny models on stories, a whole run in minutes on one core.

The tiny models can't learn to read stories from few labels: learning from the truth, the debater's was at 51% after 100
steps of 64 stories and the judge's at 69% after 150, where 67% can be reached blind. So the strong model reads for each
answer the line of the story that supports it best, and is pretrained to weigh them; only its head is new. The weak
judges read the question alone, or debates in which the untrained debaters quote whatever they quote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from oversight_envs.agents import LanguageModelAgent, ScriptedAgent
from oversight_envs.core.requests import Turn
from oversight_envs.models import LanguageModel, load
from oversight_envs.protocols import Debate, Direct
from oversight_envs.protocols.debate import DEBATERS
from oversight_envs.tasks.stories import Stories
from oversight_envs.training.judges import JudgeConfig
from oversight_envs.training.recipes.debate.tiny import MAX_NEW_TOKENS, best_line
from oversight_envs.training.recipes.weak_to_strong.config import WeakToStrongConfig
from oversight_envs.training.recipes.weak_to_strong.reading import Reading
from oversight_envs.training.recipes.weak_to_strong.run import WeakToStrongRun

TUNED: Mapping[str, Any] = MappingProxyType(
    {
        "weak_questions": 384,
        "student_questions": 1024,
        "held_out": 300,
        "debates": (0, 1, 4),
        "weak": JudgeConfig(learning_rate=5e-4),
        "student": JudgeConfig(learning_rate=1e-3),
    }
)
"""Fields of ``WeakToStrongConfig`` that suit these models."""


def tiny_weak_to_strong(folder: str | Path, *, seed: int = 0, **settings: Any) -> WeakToStrongRun:
    """The run in ``folder``; ``settings`` replace fields of ``WeakToStrongConfig``, such as debates or losses."""
    train, test = Stories("train"), Stories("test")
    game = Debate(wording="tiny_debate", both_orders=True)
    debater = LanguageModelAgent("tiny-stories-debater", max_new_tokens=MAX_NEW_TOKENS)
    return WeakToStrongRun(
        WeakToStrongConfig(seed=seed, **{**TUNED, **settings}),
        blind=Reading(Direct(wording="tiny_debate", both_orders=True)),
        debate=Reading(game, dict.fromkeys(DEBATERS, debater)),
        student=Reading(game, dict.fromkeys(DEBATERS, ScriptedAgent(best_lines(train, test)))),
        train=train,
        test=test,
        weak=load("tiny-stories-judge").copy,
        strong=strong_model,
        folder=folder,
    )


def strong_model() -> LanguageModel:
    """The held-out judge's model with a new head: it has learnt to weigh lines, and not how to say what it found.

    The rows of the labels in its output layer are 0, so that it finds both answers equally probable at first.
    """
    lm = load("tiny-stories-heldout").copy()
    with torch.no_grad():
        lm.model.lm_head.weight[lm.label_ids(("A", "B"))] = 0
    return lm


def best_lines(*tasks: Stories) -> Callable[[Turn], str]:
    """``best_line`` for any story of these tasks, which it finds by the question's id."""
    stories = {task[0].id.rpartition("-")[0]: task for task in tasks}

    def speak(turn: Turn) -> str:
        task, _, number = turn.question_id.rpartition("-")
        return best_line([stories[task][int(number)]])(turn)

    return speak
