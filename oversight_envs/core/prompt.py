"""A prompt is a tuple of chat messages; an observation is the same messages as one text."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

ChatRole = Literal["system", "user", "assistant"]

MAX_TEXT = 100_000
"""Longest text, in characters, that a player may say in one turn (the action spaces' bound)."""


class Message(NamedTuple):
    """One chat message.

    ``token_ids`` are the ids that a model drew when it wrote this (an assistant turn that was kept whole), so that an
    engine need not tokenise its own words again: the same text often has several tokenisations. They are a hint only
    and no part of what was said: replay compares role and content.
    """

    role: ChatRole
    content: str
    token_ids: tuple[int, ...] = ()


Prompt = tuple[Message, ...]


def render_prompt(prompt: Prompt) -> str:
    """The prompt as one text: what an AEC agent observes."""
    return "\n\n".join([f"[{message.role}]\n{message.content}" for message in prompt])


# C0 and C1 controls but tab and newline, and the line separators that a terminal or a template may take for a newline.
_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Untrusted text made safe to store and show: still what the player said, on lines that are what they look like.

    Every kind of line break becomes a newline; control characters and bidirectional overrides are dropped; lone
    surrogates, which no file can hold, become U+FFFD.
    """
    if not _UNSAFE.search(text):
        return text
    text = _LINE_BREAKS.sub("\n", text)
    text = _CONTROLS.sub("", text)
    text = _BIDI.sub("", text)
    return _SURROGATES.sub("\ufffd", text)


def quote_lines(text: str) -> str:
    """``text`` with ``> `` before every line.

    What a player wrote is always shown to others this way. Headings stand at the start of a line, so a speech that
    contains ``Debater B:`` or a verdict can't be taken for one: nothing a player writes reaches the start of a line.
    """
    return "> " + clean_text(text).replace("\n", "\n> ")
