"""The weak-to-strong recipe in small: the tiny models on stories, a whole run in minutes on one core.

The strong model is the debater's: it reads the story and has learnt to quote from it, but never to decide, so what weak
labels have to bring out is partly there. The weak judge is the gullible one, which never sees a story.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.models import load
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks.stories import Stories
from oversight_envs.training.judges import JudgeConfig
from oversight_envs.training.recipes.debate.tiny import MAX_NEW_TOKENS
from oversight_envs.training.recipes.weak_to_strong.config import WeakToStrongConfig
from oversight_envs.training.recipes.weak_to_strong.run import WeakToStrongRun
from oversight_envs.training.recipes.weak_to_strong.supervisor import Supervision

TUNED: Mapping[str, Any] = MappingProxyType(
    {
        "weak": JudgeConfig(learning_rate=5e-4),
        "student": JudgeConfig(learning_rate=1e-3, mass_coef=1.0),
    }
)
"""Fields of ``WeakToStrongConfig`` that suit these models."""


def tiny_weak_to_strong(folder: str | Path, *, seed: int = 0, **settings: Any) -> WeakToStrongRun:
    """The run in ``folder``; ``settings`` replace fields of ``WeakToStrongConfig``, such as debates or losses."""
    return WeakToStrongRun(
        WeakToStrongConfig(seed=seed, **{**TUNED, **settings}),
        supervision=Supervision(
            Direct(wording="tiny_debate", both_orders=True),
            Debate(wording="tiny_debate", both_orders=True),
            LanguageModelAgent("tiny-stories-debater", max_new_tokens=MAX_NEW_TOKENS),
        ),
        student=Direct(wording="tiny_debate", expert=True, both_orders=True),
        train=Stories("train"),
        test=Stories("test"),
        weak=load("tiny-stories-judge").copy,
        strong=load("tiny-stories-debater").copy,
        folder=folder,
    )
