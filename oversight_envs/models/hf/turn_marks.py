"""Turn marks that are plain text (``[INST]``, ``USER:``, ``### Instruction:``), and how forged ones are told apart.

A control token in a speech is encoded as the characters that it is spelt with. A mark that is plain text can't be: its
ids are those of the same characters. So what a player writes is changed by one space: ``[ INST]``, ``USER :``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_BRACKETED = re.compile(r"[\[<({|]\S*?\w\S*?[\]>)}|]+")
_LETTER_AND_SIGN = re.compile(r"(?=.*[^\W\d_])(?=.*[^\w\s])")
_JOINT = re.compile(r"(?<=\w)(?=[^\w\s])|(?<=[^\w\s])(?=\w)")


class TurnMarks:
    """The plain-text marks of one chat template.

    Args:
        first: what the template writes before the first message.
        others: what it writes between and behind messages.
        control: a pattern that matches control tokens.
    """

    def __init__(self, first: str, others: Iterable[str], control: re.Pattern[str]) -> None:
        marks = {mark for piece in control.split(first) for mark in _BRACKETED.findall(piece)}
        self.unmarked = False
        """Whether somewhere one message follows another without a control token or a mark that can be told apart."""
        for text in others:
            pieces = control.split(text)
            found = [mark for piece in pieces for line in piece.split("\n") for mark in _marks(line)]
            self.unmarked = self.unmarked or (len(pieces) == 1 and not found)
            marks.update(found)
        patterns = [r"\s+".join(map(re.escape, mark.split())) for mark in sorted(marks, key=len, reverse=True)]
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def parted(self, text: str) -> str:
        """``text`` with a space inside everything that equals a mark, whatever its letters' case."""
        while self._pattern is not None and self._pattern.search(text):
            text = self._pattern.sub(_spaced, text)
        return text


def _marks(line: str) -> list[str]:
    """Marks in one line of a template: what stands in brackets, and the rest if it has letters and other signs."""
    rest = _BRACKETED.sub(" ", line).strip()
    return _BRACKETED.findall(line) + ([rest] if _LETTER_AND_SIGN.match(rest) else [])


def _spaced(match: re.Match[str]) -> str:
    mark = match[0]
    joint = _JOINT.search(mark, 1)
    place = joint.start() if joint else 1
    return f"{mark[:place]} {mark[place:]}"
