"""How words are counted: for the limit of a speech and for what is said about speeches.

A word is a run of letters and digits, with what follows an apostrophe (``can't``) and with ``,`` or ``.`` between
digits; anything else parts words, so ``and/or`` is two, and so are two joined by an invisible character. A run of more
than twenty letters counts as several words. In scripts without spaces a Han or kana character is a word, and so are
four letters of Thai, Lao, Burmese or Khmer. So is an emoji or another pictorial symbol, and so is what stands between
spaces without a letter (a dash), up to twenty characters. ``<quote>`` and ``</quote>`` are no words.
"""

from __future__ import annotations

import re
from itertools import islice

from oversight_envs.core.characters import KINDS

# Of characters' kinds, see `KINDS`; what parts words is taken in first, which is quicker than to search for a word.
_SUFFIX = r"(?:a[wnm]{1,3}+(?![wnm]))?+"
_WORD = re.compile(
    " *+(?:"
    rf"[wm][wnm]{{0,19}}+{_SUFFIX}"
    rf"|n(?:[wnm]|(?<=n)j(?=n)){{0,19}}+{_SUFFIX}"
    r"|[cs]m{0,3}+"
    r"|tm{0,3}+(?:tm{0,3}+){0,3}+"
    r"|(?<![^ ])[^wnmcts ]{1,20}+(?![^ ])"
    r"|[^wnmcts ]{20}+)"
)
_BARE_TAG = re.compile(r"<\s*+/?\s*+quote\s*+>", re.IGNORECASE)


def _kinds(text: str) -> str:
    if "<" in text:
        text = _BARE_TAG.sub(lambda tag: "/" * len(tag[0]), text)
    return text.translate(KINDS)


def count_words(text: str) -> int:
    """How many words a text has."""
    return len(_WORD.findall(_kinds(text)))


def cut_words(text: str, limit: int) -> str:
    """The first ``limit`` words of ``text``, spacing kept; ``text`` itself if it has no more."""
    # words of ASCII have a character between them, or are twenty characters long
    if len(text) <= (2 * limit if text.isascii() else limit):
        return text
    kinds = _kinds(text)
    words = list(islice(_WORD.finditer(kinds), limit - 1, limit + 1))
    if len(words) < 2:
        return text
    last, extra = words[0].end(), words[1].end() - len(words[1][0].lstrip(" "))
    beside = kinds.rfind(" ", last, extra) + 1  # where what stands directly before the next word begins
    return text[:beside].rstrip() if beside else text[:extra]
