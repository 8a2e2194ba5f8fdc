"""An agent that says what it was told to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oversight_envs.core.requests import Turn
from oversight_envs.core.seeding import derive_seed


class ScriptedAgent:
    """Says fixed texts: the n-th text in its role's n-th turn, the last one again after that.

    ``script`` is a list of texts, or one such list for each role, or a function of the turn. Stateless: what it says
    depends on the episode alone, so one agent can play many episodes at once.
    """

    def __init__(self, script: Sequence[str] | Mapping[str, Sequence[str]] | Callable[[Turn], str]) -> None:
        if isinstance(script, str):
            raise TypeError(f"script={script!r}: give a list of texts, one for each turn")
        if not callable(script) and not (all(script.values()) if isinstance(script, Mapping) else script):
            raise ValueError("script is empty: give at least one text (for each role)")
        self._script = script

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self._say(turn) for turn in turns]

    def _say(self, turn: Turn) -> str:
        if callable(self._script):
            return self._script(turn)
        if isinstance(self._script, Mapping):
            if turn.role not in self._script:
                raise KeyError(f"the script has no texts for {turn.role}; it has {', '.join(self._script)}")
            texts = self._script[turn.role]
        else:
            texts = self._script
        return texts[min(turn.number, len(texts) - 1)]

    @property
    def description(self) -> dict[str, Any]:
        if callable(self._script):
            return {"type": "scripted", "function": getattr(self._script, "__qualname__", repr(type(self._script)))}
        texts = dict(self._script) if isinstance(self._script, Mapping) else list(self._script)
        said = repr(texts)
        return {"type": "scripted", "script": said if len(said) <= 300 else f"{derive_seed(said):016x}"}
