"""A person at a terminal, as debater, consultant, prover, judge or verifier."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from oversight_envs.core.answers import DecisionError, parse_decision, parse_score
from oversight_envs.core.players import PlayerError
from oversight_envs.core.prompt import clean_text, render_prompt
from oversight_envs.core.requests import Ask, Case, Solution, Turn
from oversight_envs.core.verdict import Verdict


class HumanAgent:
    """Shows each prompt and reads the answer from the keyboard: a speech up to an empty line, a decision on one line.

    A decision that can't be read is asked again until it can. The end of the input is an error, never an answer.
    Only what is new since the last prompt of an episode is shown.
    """

    def __init__(self, source: TextIO | None = None, screen: TextIO | None = None) -> None:
        self._source, self._screen = source, screen
        self._shown: tuple[tuple[str, int], tuple[Any, ...]] = (("", 0), ())

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self._speech(turn) for turn in turns]

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [self._until_read(case, lambda text, labels=case.labels: parse_decision(text, labels)) for case in cases]

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        return [self._until_read(solution, parse_score) for solution in solutions]

    def _speech(self, turn: Turn) -> str:
        self._show(turn)
        self._print("(end with an empty line)")
        lines = []
        while line := self._read(turn).strip("\n"):
            lines.append(line)
        return "\n".join(lines)

    def _until_read(self, ask: Ask, parse: Any) -> Any:
        self._show(ask)
        while True:
            try:
                return parse(self._read(ask))
            except DecisionError as error:
                self._print(f"{error}. Give a label or a probability.")

    def _show(self, ask: Ask) -> None:
        key = (ask.question_id, ask.episode_seed), ask.prompt
        same = self._shown[0] == key[0]
        seen = len(self._shown[1]) if same and ask.prompt[: len(self._shown[1])] == self._shown[1] else 0
        self._print(f"\n--- {ask.role} ---\n{render_prompt(ask.prompt[seen:])}\n")
        self._shown = key

    def _read(self, ask: Ask) -> str:
        screen = self._screen or sys.stdout
        screen.write(f"{ask.role}> ")
        screen.flush()
        line = (self._source or sys.stdin).readline()
        if not line:
            raise PlayerError(f"the input ended while {ask.role} was to answer")
        return line

    def _print(self, text: str) -> None:
        print(clean_text(text), file=self._screen or sys.stdout)

    fingerprint = "a person"
    """What it is, for stored episodes: a person who comes back goes on with their own."""

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "human"}
