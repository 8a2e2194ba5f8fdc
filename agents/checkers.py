"""Who answers a judge's yes-or-no questions in limited verification: exactly, on stories, or by the toss of a coin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from oversight_envs.core.requests import Turn

_MOVE = re.compile(r"Day (\d+): \w+ moved the (\w+) to the (\w+)\.")
_WAS_IN = re.compile(r"was the (\w+) in the (\w+) at the end of day (\d+)\?", re.IGNORECASE)
_WAS_MOVED = re.compile(r"was the (\w+) moved after day (\d+) and by the end of day (\d+)\?", re.IGNORECASE)


class StoryChecker:
    """Answers two questions about a story (``tasks.Stories``) exactly, and any other with Unknown:

    - ``Was the kettle in the attic at the end of day 7?``, Unknown where the story has not put it anywhere by then;
    - ``Was the kettle moved after day 3 and by the end of day 7?``
    """

    description = {"type": "story checker"}  # noqa: RUF012  the same for all, as for every player

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self._answer(turn.passage, turn.prompt[-1].content) for turn in turns]

    def _answer(self, passage: str, asked: str) -> str:
        moves = [(int(day), thing, place) for day, thing, place in _MOVE.findall(passage)]
        if found := _WAS_IN.search(asked):
            thing, place, day = found[1], found[2], int(found[3])
            places = [to for on, moved, to in moves if moved == thing and on <= day]
            return "Unknown" if not places else "Yes" if places[-1] == place else "No"
        if found := _WAS_MOVED.search(asked):
            thing, after, by = found[1], int(found[2]), int(found[3])
            return "Yes" if any(moved == thing and after < on <= by for on, moved, _ in moves) else "No"
        return "Unknown"


class PlaceboChecker:
    """Answers Yes or No by the toss of a coin: the arm that shows what being answered does, whatever is said."""

    description: dict[str, Any] = {"type": "placebo checker"}  # noqa: RUF012

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return ["Yes" if np.random.default_rng(turn.seed).random() < 0.5 else "No" for turn in turns]
