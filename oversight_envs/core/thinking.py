"""What a model thinks before it speaks: private, kept in the record, and no part of the speech.

Rule 1: thinking stands at the start of a speech. A mark in the middle of one is the speaker's words.
Rule 2: a block that was never closed is thinking to its end: better to lose a speech than to publish private notes.
Rule 3: a closing mark alone ends thinking that the chat template had opened, unless it stands inside a sentence.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Marks(NamedTuple):
    """What a family of models puts around its thinking, in lower case."""

    opening: str
    closing: str


FAMILIES = (
    Marks("<think>", "</think>"),  # DeepSeek-R1, Qwen3, GLM, SmolLM3, Granite 3.3 and most others
    Marks("<thinking>", "</thinking>"),
    Marks("<thought>", "</thought>"),
    Marks("<reasoning>", "</reasoning>"),
    Marks("<seed:think>", "</seed:think>"),
    Marks("[think]", "[/think]"),  # Magistral
    Marks("◁think▷", "◁/think▷"),  # Kimi
    Marks("<|begin_of_thought|>", "<|end_of_thought|>"),
    Marks("<|start_thinking|>", "<|end_thinking|>"),  # Command A Reasoning
    Marks("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss
    Marks("<|channel|>commentary<|message|>", "<|channel|>final<|message|>"),
    Marks("here is my thought process:", "here is my response:"),  # Granite 3.2
)

_START = re.compile(r"[\s\ufeff\u200b]*")
# gpt-oss closes a channel by opening the next one
_CHANNELS = re.compile(r"(?:<\|end\|>|<\|start\|>assistant|<\|channel\|>\w+|<\|message\|>)+")
_SENTENCE_BEFORE = re.compile(r"(?:[\w,;][ \t]+|[(\"'`“‘])\Z")
_SENTENCE_AFTER = re.compile(r"[ \t]+[a-z]|[)\"'`”’,;.:!?]")
_LOWER = str.maketrans({chr(c): chr(c).lower() for c in range(ord("A"), ord("Z") + 1)})


def split_thinking(text: str) -> tuple[str, str]:
    """``(thinking, speech)``, both without the marks; ``("", text)`` for a speech without thinking.

    The speech has no more thinking in it: splitting it again gives it back, as replays do.
    """
    thoughts: list[str] = []
    rest = text
    while (block := _opened(rest) or _closed_only(rest)) is not None:
        thoughts.append(_CHANNELS.sub("\n", block[0]).strip())
        rest = block[1]
    return ("\n\n".join(filter(None, thoughts)), rest.lstrip()) if thoughts else ("", text)


def open_block(text: str) -> str:
    """The end of ``text`` from a thinking block's opening mark on, if it leaves that block open; else empty."""
    lowered = lower(text)
    for marks in FAMILIES:
        start = lowered.rfind(marks.opening)
        if start > lowered.rfind(marks.closing):
            return text[start:]
    return ""


def closing(block: str) -> str:
    """What closes a block that so far is ``block``, as the family's templates write it."""
    marks = next(marks for marks in FAMILIES if lower(block).startswith(marks.opening))
    if marks.closing.startswith("<|channel|>"):
        return f"<|end|><|start|>assistant{marks.closing}"
    if marks.closing[0] != "<":
        written = block[: len(marks.opening)]
        return marks.closing.upper() if written.isupper() else f"\n\n{marks.closing.capitalize()} "
    return f"{'' if block.endswith(chr(10)) else chr(10)}\n{marks.closing}\n\n"


def mentions_thinking(text: str) -> bool:
    """Whether a family's closing mark stands anywhere in ``text``."""
    return any(marks.closing in lower(text) for marks in FAMILIES)


def lower(text: str) -> str:
    """ASCII letters in lower case: the length stays."""
    return text.translate(_LOWER)


def _opened(text: str) -> tuple[str, str] | None:
    """The block that ``text`` begins with, and what comes after it."""
    if "<" not in text and "[" not in text and "◁" not in text and ":" not in text:
        return None
    lowered = lower(text)
    match = _START.match(lowered)
    start = match.end() if match else 0
    for marks in FAMILIES:
        if lowered.startswith(marks.opening, start):
            begin = start + len(marks.opening)
            end = lowered.find(marks.closing, begin)
            return (text[begin:], "") if end < 0 else (text[begin:end], text[end + len(marks.closing) :])
    return None


def _closed_only(text: str) -> tuple[str, str] | None:
    """What stands before a closing mark whose opening the template had written, and what comes after it."""
    lowered = lower(text)
    for marks in FAMILIES:
        end = lowered.find(marks.closing)
        if end < 0 or marks.closing[0].isalpha() or marks.opening in lowered[:end]:
            continue
        before, after = text[:end], text[end + len(marks.closing) :]
        if not (_SENTENCE_BEFORE.search(before) and _SENTENCE_AFTER.match(after)):
            return before, after
    return None
