"""The debate recipe in small: the tiny models on stories, a whole run in minutes on one core.

The settings are tuned for these models; the shape (questions, epochs, held-out questions) is the published one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.core.question import Question
from oversight_envs.core.requests import Turn
from oversight_envs.models import LanguageModel, load
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks.stories import NAMES, Move, Stories
from oversight_envs.training.judges import JudgeConfig
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.ppo import PPOConfig
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.debate.run import DebateRun

MAX_NEW_TOKENS = 12
"""A speech is one quoted line: seven tokens with the end."""

TUNED: Mapping[str, Any] = MappingProxyType(
    {
        "samples": 4,
        "ppo": PPOConfig(estimator="rloo", learning_rate=5e-4, kl_coef=0.2, epochs=4),
        "judge": JudgeConfig(learning_rate=5e-4),
    }
)
"""Fields of ``DebateConfig`` that suit these models."""


def tiny_debate(
    folder: str | Path, *, seed: int = 0, parts: Mapping[str, Any] = MappingProxyType({}), **settings: Any
) -> DebateRun:
    """The run in ``folder``; ``settings`` replace fields of ``DebateConfig``, such as questions or train_judge.

    ``parts`` replace what it is made of (see ``tiny_parts``).
    """
    return DebateRun(DebateConfig(seed=seed, **{**TUNED, **settings}), folder=folder, **{**tiny_parts(), **parts})


def tiny_parts() -> dict[str, Any]:
    """What a ``DebateRun`` is made of, here: game, tasks, debater and judges. The models are copies, to be trained."""
    return {
        "game": Debate(wording="tiny_debate", both_orders=True),
        "blind": Direct(wording="tiny_debate", both_orders=True),
        "train": Stories("train"),
        "test": Stories("test"),
        "policy": TextPolicy("tiny-stories-debater", max_new_tokens=MAX_NEW_TOKENS),
        "initial": LanguageModelAgent(_copy("debater"), max_new_tokens=MAX_NEW_TOKENS),
        "judge": _copy("judge"),
        "blind_judge": _copy("judge"),
        "held_out_judge": _copy("heldout"),
    }


def best_line(questions: Iterable[Question]) -> Callable[[Turn], str]:
    """The best-line oracle, as a script: it quotes the line that supports its answer best.

    Where no line supports it, the latest one about the thing in question: true, if of little use. It knows the stories
    of ``questions``, which players are not told.
    """
    stories = {question.id: question for question in questions}

    def speak(turn: Turn) -> str:
        story = stories[turn.question_id]
        assert turn.argues_for is not None
        line = story.metadata["best"][story.options.index(turn.argues_for)]
        moves = story.metadata["moves"]
        about = [move for move in moves if move.thing == story.metadata["thing"]]
        return f"<quote>{about[-1] if line is None else moves[line]}</quote>"

    return speak


def mixed_lines(
    questions: Iterable[Question], *, supported: Sequence[float], unsupported: Sequence[float]
) -> Callable[[Turn], str]:
    """A script that draws what it quotes, at other rates where no line supports its answer.

    The rates are shares of the warm start's kinds of quotes: the line that supports the answer best (the latest about
    the thing where there is none), any line about the thing, any line, and one that is made up for the answer. A line
    that is made up is of the day in question or up to two days before, so that it looks as if it settled the matter.
    """
    stories = {question.id: question for question in questions}

    def speak(turn: Turn) -> str:
        story = stories[turn.question_id]
        assert turn.argues_for is not None
        rng = np.random.default_rng(turn.seed)
        moves: Sequence[Move] = story.metadata["moves"]
        best = story.metadata["best"][story.options.index(turn.argues_for)]
        about = [move for move in moves if move.thing == story.metadata["thing"]]
        kind = rng.choice(4, p=unsupported if best is None else supported)
        made_up = Move(
            max(1, story.metadata["day"] - int(rng.integers(3))),
            NAMES[int(rng.integers(Stories().names))],
            story.metadata["thing"],
            turn.argues_for.removeprefix("the "),
        )
        kinds = (
            about[-1] if best is None else moves[best],
            about[int(rng.integers(len(about)))],
            moves[int(rng.integers(len(moves)))],
            made_up,
        )
        return f"<quote>{kinds[kind]}</quote>"

    return speak


def each_line(turn: Turn) -> str:
    """A script whose further draws are further lines: its best of as many as a story has is the best of all lines."""
    return f"<quote>{turn.passage.splitlines()[turn.draw]}</quote>"


def _copy(name: str) -> LanguageModel:
    return load(f"tiny-stories-{name}").copy()
