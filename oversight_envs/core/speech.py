"""What was said, with its quotes checked once, and how it looks to those who did not say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from oversight_envs.core.prompt import Message, Prompt, quote_lines
from oversight_envs.core.quotes import QuoteChecker, Segment, Show, render

if TYPE_CHECKING:
    from oversight_envs.core.protocol import Speech

SCRATCHPAD = ("<scratchpad>", "</scratchpad>")

# Debaters are told to name answers by their words, since the letters change with the order in which a judge reads.
_NAMES_LABEL = re.compile(r"\b(?:answer|option|choice|debater)\s*\(?[A-D]\b|\([A-D]\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One speech as it entered the game.

    ``turn`` counts from 1; statements of one turn were made at once, unheard by each other. ``kept`` is what counts as
    the speaker's own turn: private notes and speech, cut at the word limit. ``segments`` is the public part, with its
    quotes checked.
    """

    role: str
    turn: int
    kept: str
    segments: tuple[Segment, ...]
    cut: bool = False
    names_label: bool = False
    token_ids: tuple[int, ...] = ()

    @property
    def public(self) -> str:
        """The public words, quotes without their tags."""
        return "".join(segment.text for segment in self.segments)

    @property
    def quotes(self) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.quoted)

    def shown(self, show: Show = "all") -> str:
        """As others read it: every line begins with ``> ``, or a note that nothing was said."""
        text = render(self.segments, show).strip()
        return quote_lines(text) if text else "(nothing)"


@lru_cache(maxsize=256)
def checker_for(passage: str) -> QuoteChecker:
    """The passage's quote checker, built once: all episodes about a passage share it."""
    return QuoteChecker(passage)


def split_scratchpad(text: str) -> tuple[str, str]:
    """``(private, public)``: private up to the last closing tag; an unclosed scratchpad makes all of it private.

    Better to lose a speech than to publish private notes.
    """
    lowered = text if text.islower() else "".join([c.lower() if c.isascii() else c for c in text])  # keeps the length
    start, end = lowered.rfind(SCRATCHPAD[0]), lowered.rfind(SCRATCHPAD[1])
    if start > end:
        return text, ""
    cut = end + len(SCRATCHPAD[1]) if end >= 0 else 0
    return text[:cut], text[cut:]


def cut_words(text: str, limit: int) -> str:
    """The first ``limit`` words of ``text``, spacing kept."""
    if len(text) < 2 * limit:  # cannot hold more than `limit` words
        return text
    for count, word in enumerate(re.finditer(r"\S+", text), start=1):
        if count > limit:
            return text[: word.start()].rstrip()
    return text


class Transcript:
    """The statements so far. The rules of speaking (word limit, scratchpad, quotes) are applied here, once."""

    def __init__(self, passage: str, *, max_words: int, scratchpad: bool, quotes: bool) -> None:
        self.statements: list[Statement] = []
        self._checker = checker_for(passage) if quotes else None
        self._max_words = max_words
        self._scratchpad = scratchpad
        self._turns = 0

    def add(self, said: dict[str, Speech]) -> None:
        """Enters what was said at once, in the order of ``said``, as the next turn."""
        self._turns += 1
        for role, speech in said.items():
            private, public = split_scratchpad(speech.text) if self._scratchpad else ("", speech.text)
            short = cut_words(public, self._max_words)
            cut = len(short.split()) < len(public.split()) if short is not public else False
            segments = self._checker.check(short) if self._checker else (Segment(short),)
            named = _NAMES_LABEL.search("".join([segment.text for segment in segments])) is not None
            ids = () if cut else speech.token_ids
            self.statements.append(Statement(role, self._turns, private + short, segments, cut, named, ids))

    def __iter__(self) -> Iterator[Statement]:
        return iter(self.statements)


def conversation(
    opening: Prompt,
    statements: Iterable[Statement],
    role: str,
    heading: Callable[[Statement], str],
    cue: Callable[[int], str],
    show: Show = "all",
) -> Prompt:
    """The chat so far as ``role`` sees it, ending with the user message that it is to answer.

    Its own statements are its assistant turns; what others said since stands in the user turns between them, each
    under its ``heading``, closed by ``cue(n)`` for its n-th turn (from 1). What others said in the same turn comes
    after its own words, since it had not heard them. So each later prompt extends the earlier one message for
    message, and an engine can go on where it was. ``opening`` ends with a user message.
    """
    messages = list(opening[:-1])
    heard = [opening[-1].content]
    spoken = 0
    for turn in _by_turn(statements):
        own = [statement for statement in turn if statement.role == role]
        for statement in own:
            spoken += 1
            messages.append(Message("user", "\n\n".join([*heard, cue(spoken)])))
            messages.append(Message("assistant", statement.kept, statement.token_ids))
            heard.clear()
        heard += [f"{heading(statement)}\n{statement.shown(show)}" for statement in turn if statement.role != role]
    messages.append(Message("user", "\n\n".join([*heard, cue(spoken + 1)])))
    return tuple(messages)


def _by_turn(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Statements grouped by the turn in which they were made, in order."""
    for _, group in groupby(statements, key=lambda statement: statement.turn):
        yield list(group)
