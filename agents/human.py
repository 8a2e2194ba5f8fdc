"""A person at a terminal, as debater, consultant, prover, judge or verifier."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from shutil import get_terminal_size
from typing import Any, TextIO

from oversight_envs.core.answers import DecisionError, parse_decision, parse_score
from oversight_envs.core.players import PlayerError
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.requests import Ask, Case, Solution, Turn
from oversight_envs.core.verdict import Verdict

WIDTH = 100
"""Longest line of a text that is shown, in characters; less in a narrower terminal."""


class HumanAgent:
    """Shows each prompt and reads the answer from the keyboard: a speech up to an empty line, a decision on one line.

    A decision is a label, the words of an answer, or a probability; one that can't be read is asked again until it can.
    The end of the input is an error, never an answer. Of a prompt, only the paragraphs that this role has not been
    shown in this episode are shown. In a terminal a line can be edited before it is sent.
    """

    def __init__(self, source: TextIO | None = None, screen: TextIO | None = None) -> None:
        self._source, self._screen = source, screen
        self._episode: tuple[str, int] | None = None
        self._shown: dict[str, Counter[str]] = {}
        """Role -> the paragraphs that it has been shown in the episode, and how many of each."""

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self._speech(turn) for turn in turns]

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [self._decision(case) for case in cases]

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        return [self._until_read(ask, parse_score, "Yes, No, or the probability that it is right") for ask in solutions]

    def _speech(self, turn: Turn) -> str:
        self._show(turn)
        self._print("(end with an empty line)")
        lines = []
        while line := self._read(turn):
            lines.append(line)
        return "\n".join(lines)

    def _decision(self, case: Case) -> Verdict:
        answers = "  ".join(f"{label}: {option}" for label, option in zip(case.labels, case.options, strict=True))
        wanted = f"a label, an answer's words, or the probability of {case.labels[0]}   {clean_text(answers)}"
        verdict: Verdict = self._until_read(case, lambda text: _verdict(text, case), wanted)
        return verdict

    def _until_read(self, ask: Ask, parse: Callable[[str], Any], wanted: str) -> Any:
        self._show(ask)
        self._print(f"({wanted})")
        while True:
            try:
                return parse(self._read(ask))
            except DecisionError as error:
                self._print(f"{error}. Give {wanted}.")

    def _show(self, ask: Ask) -> None:
        episode = ask.question_id, ask.episode_seed
        if self._episode != episode:
            self._episode, self._shown = episode, {}
        self._print(f"\n--- {ask.role} ---\n")
        paragraphs = [part for message in ask.prompt if message.role != "assistant"  # what it said itself
                      for part in clean_text(message.content).split("\n\n")]  # fmt: skip
        known = self._shown.get(ask.role, Counter[str]())
        left = known.copy()
        for paragraph in paragraphs:
            if left[paragraph] > 0:
                left[paragraph] -= 1
            else:
                self._print(f"{_wrapped(paragraph)}\n")
        self._shown[ask.role] = known | Counter(paragraphs)

    def _read(self, ask: Ask) -> str:
        """One line, without its end."""
        prompt = f"{ask.role}> "
        try:
            if self._source is None and self._screen is None and sys.stdin.isatty():
                with suppress(ImportError):  # Windows has none, and edits lines itself
                    import readline  # noqa: F401  # input() then edits lines by it
                return input(prompt)
            screen = self._screen or sys.stdout
            screen.write(prompt)
            screen.flush()
            line = (self._source or sys.stdin).readline()
            if not line:
                raise EOFError
        except EOFError:
            raise PlayerError(f"the input ended while {ask.role} was to answer") from None
        return line.rstrip("\r\n")

    def _print(self, text: str) -> None:
        print(clean_text(text), file=self._screen or sys.stdout)

    fingerprint = "a person"
    """What it is, for stored episodes: a person who comes back goes on with their own."""

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "human"}


def _verdict(text: str, case: Case) -> Verdict:
    """A decision in words; the words of one answer are that answer, unless they may be read as a decision too."""
    said = _bare(text)
    meant = [label for label, option in zip(case.labels, case.options, strict=True) if _bare(option) == said]
    try:
        verdict = parse_decision(text, case.labels)
    except DecisionError:
        if len(meant) != 1:
            raise
        return parse_decision(meant[0], case.labels)
    if meant and (len(meant) > 1 or parse_decision(meant[0], case.labels) != verdict):
        raise DecisionError(f"{text.strip()!r:.80} is the words of an answer, and may mean something else too")
    return verdict


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).strip(".!\"'“”")


def _wrapped(text: str) -> str:
    """Lines of a readable length; what a player wrote keeps its ``> `` before every line."""
    width = min(WIDTH, get_terminal_size().columns)
    lines = []
    for line in text.split("\n"):
        mark = "> " if line.startswith("> ") else ""
        body = textwrap.wrap(line.removeprefix(mark), max(20, width - len(mark)), replace_whitespace=False)
        lines += [f"{mark}{part}" for part in body] or [line]
    return "\n".join(lines)
