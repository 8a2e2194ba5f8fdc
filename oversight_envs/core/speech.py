"""What was said: the speech as it was made, the rules it is held to, and the statement that enters the game.

The episode applies the rules, once; the script and every viewer get the ``Statement``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from oversight_envs.core.checks import at_least
from oversight_envs.core.prompt import Message, Prompt, quote_lines
from oversight_envs.core.quotations import may_quote
from oversight_envs.core.quotes import QuoteChecker, Segment, Show, parse, render
from oversight_envs.core.thinking import lower, split_thinking
from oversight_envs.core.words import cut_words

SCRATCHPAD = ("<scratchpad>", "</scratchpad>")

# Debaters are told to name answers by their words, since the letters change with the order in which a judge reads.
_NAMES_LABEL = re.compile(r"\b(?:answer|option|choice|debater)\s*\(?[A-D]\b|\([A-D]\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Speech:
    """What a speaker said in one turn, as it said it.

    ``token_ids`` and ``log_probs`` (one for each id, natural log, at sampling temperature) are what a model drew;
    ``info`` is anything else worth keeping in the record, as JSON values (a best-of-N agent's scores).
    """

    text: str
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeakingRules:
    """What a speech is held to. A ``Say`` carries them and the episode applies them."""

    max_words: int | None = None
    """Words over this limit are cut off, private notes aside; None: no limit. What is a word: `core.words`."""
    quotes: bool = False
    """Whether ``<quote>…</quote>`` is checked against the passage."""
    scratchpad: bool = False
    """Whether what stands between ``<scratchpad>`` tags is private."""

    def __post_init__(self) -> None:
        if self.max_words is not None:
            at_least("max_words", self.max_words, 1)


FREE = SpeakingRules()
"""No rules: all that is said is heard."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One speech as it entered the game.

    ``turn`` counts from 1; statements of one turn were made at once, unheard by each other. ``index`` is the speech's
    place in the log. ``scratchpad`` are the notes before the public part, tags included; ``spoken`` is the public part
    as written, cut at the word limit. ``segments`` is the public part with its quotes checked. ``thinking`` is what a
    model thought before all that, without its marks: it is kept here and shown to nobody, the speaker included (chat
    templates of models that think leave earlier thinking out, and no model is trained to read it).
    """

    role: str
    turn: int
    index: int
    scratchpad: str
    spoken: str
    segments: tuple[Segment, ...]
    cut: bool = False
    token_ids: tuple[int, ...] = ()
    thinking: str = ""
    _shown: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The public words, quotes without their tags."""
        return "".join([segment.text for segment in self.segments])

    @property
    def kept(self) -> str:
        """What counts as the speaker's own turn in later prompts: scratchpad and public part."""
        return self.scratchpad + self.spoken

    @property
    def private(self) -> str:
        """All that others don't see: thinking, and the scratchpad with its tags."""
        return "\n\n".join(filter(None, [self.thinking, self.scratchpad]))

    @property
    def notes(self) -> str:
        """All that others don't see, without tags."""
        notes = self.scratchpad.strip().removeprefix(SCRATCHPAD[0]).removesuffix(SCRATCHPAD[1]).strip()
        return "\n\n".join(filter(None, [self.thinking, notes]))

    @property
    def quotes(self) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.quoted)

    @property
    def names_label(self) -> bool:
        """Whether it names an answer by its letter."""
        return _NAMES_LABEL.search(self.text) is not None

    def shown(self, show: Show = "all") -> str:
        """As others read it: every line begins with ``> ``, or a note that nothing was said."""
        if show not in self._shown:
            text = render(self.segments, show).strip()
            self._shown[show] = quote_lines(text) if text else "(nothing)"
        return self._shown[show]


def make_statement(
    speech: Speech,
    rules: SpeakingRules,
    passage: str,
    *,
    role: str,
    turn: int,
    index: int,
    readable: Callable[[], Iterable[str]] = tuple,
) -> Statement:
    """Holds a speech to the rules. The passage's quote checker is built when a quote is first met.

    ``readable`` makes the texts that everyone may read: to repeat them in quotation marks is no quote of the passage.
    """
    thinking, rest = split_thinking(speech.text)
    scratchpad, public = split_scratchpad(rest) if rules.scratchpad else ("", rest)
    spoken = public if rules.max_words is None else cut_words(public, rules.max_words)
    cut = len(spoken) < len(public)
    segments = parse(spoken) if rules.quotes else (Segment(spoken),)
    if rules.quotes and may_quote(spoken):
        segments = checker_for(passage).verify(segments, readable)
    token_ids = () if cut or rest is not speech.text else speech.token_ids
    return Statement(role, turn, index, scratchpad, spoken, segments, cut, token_ids, thinking)


@lru_cache(maxsize=256)
def checker_for(passage: str) -> QuoteChecker:
    """The passage's quote checker, built once: all episodes about a passage share it."""
    return QuoteChecker(passage)


def split_scratchpad(text: str) -> tuple[str, str]:
    """``(private, public)``: private up to the last closing tag; an unclosed scratchpad makes all of it private.

    Better to lose a speech than to publish private notes.
    """
    lowered = lower(text)
    start, end = lowered.rfind(SCRATCHPAD[0]), lowered.rfind(SCRATCHPAD[1])
    if start > end:
        return text, ""
    cut = end + len(SCRATCHPAD[1]) if end >= 0 else 0
    return text[:cut], text[cut:]


class Conversation:
    """The chat as one role sees it, which grows by what is said.

    Its own statements are its assistant turns; what others said since stands in the user turns between them, each
    under its ``heading``, closed by ``cue(n)`` for its n-th turn (from 1). What others said in the same turn comes
    after its own words, since it had not heard them. So each later prompt extends the earlier one message for
    message, and an engine can go on where it was. ``opening`` ends with a user message.
    """

    def __init__(
        self,
        opening: Prompt,
        role: str,
        heading: Callable[[Statement], str],
        cue: Callable[[int], str],
        show: Show = "all",
    ) -> None:
        self._role, self._heading, self._cue, self._show = role, heading, cue, show
        self._messages = list(opening[:-1])
        self._heard = [opening[-1].content]
        self._spoken = 0
        self._asked: Message | None = None
        """The user message that is to be answered, once it was made; None when more was heard since."""

    def hear(self, turn: Iterable[Statement]) -> None:
        """Takes in what was said at once."""
        others = []
        for statement in turn:
            if statement.role != self._role:
                others.append(f"{self._heading(statement)}\n{statement.shown(self._show)}")
                continue
            self._messages.append(self._request())
            self._asked = None
            self._messages.append(Message("assistant", statement.kept, statement.token_ids))
            self._spoken += 1
            self._heard = []
        if others:
            self._heard += others
            self._asked = None

    @property
    def prompt(self) -> Prompt:
        """The chat so far, ending with the user message that the role is to answer."""
        return (*self._messages, self._request())

    def _request(self) -> Message:
        if self._asked is None:
            self._asked = Message("user", "\n\n".join([*self._heard, self._cue(self._spoken + 1)]))
        return self._asked
