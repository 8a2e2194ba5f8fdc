"""Games whose prompts come from files of templates, and how labelled answers are written in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from oversight_envs._options import make_plain
from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.quotes import neutralise
from oversight_envs.core.requests import LABELS
from oversight_envs.core.speech import SpeakingRules
from oversight_envs.prompts import load_wording


@dataclass(frozen=True, kw_only=True)
class Worded(Protocol):
    """A game whose prompts come from a file of templates (see ``oversight_envs.prompts``)."""

    wording: str | None = None
    """Another wording: a name or a TOML file; None for the game's own."""

    _templates: Mapping[str, str] = field(init=False, repr=False, hash=False)
    """As the file had it when the game was made: games of a file that was edited in between are not equal."""

    def __post_init__(self) -> None:
        make_plain(self)
        for option, choices in _choices(type(self)).items():
            one_of(option, getattr(self, option), choices)
        if not isinstance(self.wording, str | None):
            raise TypeError(
                f"wording={self.wording!r:.80}: give the name of a wording, the path of a TOML file, or None"
            )
        object.__setattr__(self, "_templates", load_wording(self.name, self.wording))

    def _text(self, template: str, **values: Any) -> str:
        return self._templates[template].format(**values)

    def _passage(self, question: Question) -> list[str]:
        """The passage as the first part of a page; nothing where there is none, or it was censored."""
        return [self._text("text", passage=question.passage)] if question.passage else []

    def _page(self, system: str, parts: Iterable[str]) -> Prompt:
        """A prompt: what the template ``system`` says, and one message with these parts."""
        return Message("system", self._text(system)), Message("user", "\n\n".join(parts))


@dataclass(frozen=True, kw_only=True)
class Spoken(Worded):
    """A worded game in which somebody speaks."""

    max_words: int = 150
    """Word limit of a speech; what is over it is cut and the record says so."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("max_words", self.max_words, 1)

    @property
    def speaking(self) -> SpeakingRules:
        """What speeches are held to."""
        return SpeakingRules(self.max_words)


@lru_cache
def _choices(game: type[Protocol]) -> dict[str, tuple[Any, ...]]:
    """Option -> what it may be, where its type says so: yes or no, or one of several words."""
    try:
        kinds = get_type_hints(game)
    except NameError:  # of a game that is defined inside a function, with types of its own
        return {}
    named = {option.name: kinds[option.name] for option in fields(game) if option.init}
    choices = {name: (True, False) if kind is bool else get_args(kind) for name, kind in named.items()}
    return {name: found for name, found in choices.items() if named[name] is bool or get_origin(named[name]) is Literal}


_LINE_BREAK = re.compile(r"\s*\n\s*")


def inline(text: str) -> str:
    """A question or an answer as it stands in a prompt: on one line and without quote tags.

    It comes from a data set. Nothing in it may begin a line, as speeches (``> ``), labels and headings do, or look like
    the mark of a checked quote.
    """
    return neutralise(_LINE_BREAK.sub(" ", text.strip()))


def labelled(options: Sequence[str], order: Sequence[int]) -> str:
    """The options as a judge reads them, one a line: ``A: …``."""
    return "\n".join([f"{label}: {inline(options[option])}" for label, option in zip(LABELS, order, strict=False)])


def names(labels: Sequence[str]) -> str:
    """``A or B``; ``A, B or C``."""
    return " or ".join([", ".join(labels[:-1]), labels[-1]])
