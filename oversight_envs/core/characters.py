"""What a character is and what it looks like: the tables behind quotes, word limits and forged marks.

Both are tables for ``str.translate``. What is looked up is not kept, or one text after another could fill a table with
all of Unicode.
"""

from __future__ import annotations

import re
import unicodedata


def _invisible(char: str) -> bool:
    """Soft hyphens, zero-width and direction marks, variation selectors: nothing that a reader sees."""
    if unicodedata.category(char) == "Cf" or char in "\u034f\u115f\u1160\u2800\u3164\uffa0":
        return True
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


# Scripts written without spaces. A Han or kana character carries about as much as two letters; Thai, Lao, Burmese and
# Khmer are alphabets.
_IDEOGRAPHS = re.compile("[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_UNSPACED_LETTERS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


class _Kinds(dict[int, str]):
    """From each character to one letter for its kind.

    w letter, n digit, m combining mark, c Han or kana, t letter of another unspaced script, s pictorial symbol (emoji,
    circled letters, Braille), a apostrophe, q quotation mark, d dash, j full stop or comma, e ellipsis, p other
    punctuation, i invisible, and space.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if _invisible(char):
            return "i"
        if category[0] == "M":
            return "m"
        if char.isalnum():
            if char.isdecimal():
                return "n"
            return "c" if _IDEOGRAPHS.match(char) else "t" if _UNSPACED_LETTERS.match(char) else "w"
        if char.isspace() or category == "Cc":
            return " "
        return "s" if category == "So" and code > 0xFF else "p"


KINDS = _Kinds()
KINDS.update({code: KINDS[code] for code in range(128)})
APOSTROPHES = (
    "'`\u00b4\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02c8\u2039\u203a\uff07\uff40\u275b\u275c"
)
QUOTATION_MARKS = (
    '"\u201c\u201d\u201e\u201f\u2033\u2036\u2034\u00ab\u00bb\u301d\u301e\u301f\u300c\u300d\u300e\u300f\uff02'
    "\u275d\u275e\u02ba\u02dd\u3003\u05f4\u2e42\U0001f676\U0001f677\U0001f678"
)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d"
KINDS.update(dict.fromkeys(map(ord, APOSTROPHES), "a"))
KINDS.update(dict.fromkeys(map(ord, QUOTATION_MARKS), "q"))
KINDS.update(dict.fromkeys(map(ord, _DASHES), "d"))
KINDS.update({ord("."): "j", ord(","): "j", ord("…"): "e", ord("_"): " "})


def letters(text: str) -> int:
    """Letters and digits; a Han or kana character counts as two."""
    if text.isascii():
        return sum(map(str.isalnum, text))
    return sum((2 if _IDEOGRAPHS.match(char) else 1) for char in text if char.isalnum())


# What can pass for a character of our marks, upper case folded and accents taken off: the confusables of Unicode
# Technical Standard 39 (version 17), and small capitals, crossed letters and brackets that it does not name.
_ALIKE = {
    "<": (
        "\u00ab\u02c2\u02f1\u1438\u16b2\u2039\u2264\u2266\u226a\u227a\u22b0\u22b2\u22d6\u22d8\u25c0\u25c1\u25c2\u25c3"
        "\u276c\u276e\u2770\u27e8\u27ea\u2983\u2989\u2991\u2993\u2995\u29c0\u29fc\u2a79\u2a7b\u2a7d\u2aa1\u2aa6\u2aa8"
        "\u2ab3\u3008\u300a\U0001d236"
    ),
    "/": (
        "\\\u00f7\u1735\u2041\u2044\u2215\u2571\u2572\u27cb\u27cd\u29f6\u29f8\u29f9\u2cc7\u3033\u30ce\u31d3\u4e3f"
        "\U0001d23a"
    ),
    "_": "\u07fa",
    "v": (
        "\u028c\u03bd\u0475\u05d8\u0667\u06f7\u13d9\u142f\u1d20\u2228\u22c1\u2c71\u2c74\u2d38\ua4e6\ua6df\U00010197"
        "\U0001051d\U00011706\U000118c0\U00016f08\U0001cceb\U0001d20d\U0001f708"
    ),
    "u": (
        "\u0289\u028a\u028b\u03bc\u03c5\u0446\u045f\u057d\u1200\u13cc\u144c\u1d1c\u1d7e\u222a\u22c3\ua4f4\ua79f\uab4e"
        "\uab52\U000104f6\U000118d8\U00016f42\U0001ccea"
    ),
    "s": (
        "\u01a8\u01bd\u0282\u0455\u057f\u0d1f\u13d5\u13da\u1d74\ua4e2\ua731\U00010296\U00010448\U000118c1\U00016f3a"
        "\U0001cce8"
    ),
    "q": "\u024b\u02a0\u051b\u0563\u0566\u2d55\ua757\ua759\ua7af\U0001cce6",
    "o": (
        "0\u00f8\u0275\u03b8\u03bf\u03c3\u03ed\u043e\u0473\u04e9\u0585\u05e1\u0647\u0665\u06be\u06c1\u06d5\u06f5\u06ff"
        "\u07c0\u0966\u09e6\u0a66\u0ae6\u0b20\u0b66\u0be6\u0c66\u0ce6\u0d20\u0d66\u0e50\u0ed0\u1010\u101d\u1040\u10d7"
        "\u10ff\u12d0\u13a4\u13be\u13eb\u17e0\u1d0f\u1d11\u2296\u229d\u236c\u25cb\u25ef\u2c91\u2c9f\u2d31\u2d41\u2d54"
        "\u3007\ua4f3\ua74b\uab3d\uab3e\U00010292\U000102ab\U0001042c\U000104ea\U00010516\U000114d0\U000118c8\U000118d5"
        "\U000118d7\U000118e0\U00011de0\U0001cce4\U0001ccf0\U0001d21a\U0001f714"
    ),
    "t": (
        "\u0167\u01ab\u01ad\u0288\u03c4\u03ef\u0442\u04ad\u13a2\u1d1b\u1d75\u20ae\u22a4\u2361\u27d9\u2c66\u2ca7\ua4d4"
        "\U00010297\U000102b1\U00010315\U000118dc\U00016f0a\U0001cce9\U0001f768"
    ),
    "e": (
        "\u0247\u0258\u0259\u025b\u03b5\u0435\u0454\u04bd\u04bf\u13ac\u1d07\u20ac\u212e\u22ff\u2d39\ua4f0\uab32"
        "\U00010286\U000118c6\U000118ce\U0001ccda"
    ),
}
# Letters in black circles and squares, and regional indicators, which have no compatibility form.
_EMBLEMS = ((0x1F150, 26), (0x1F170, 26), (0x1F1E6, 26))


_HOOKED = re.compile("LATIN (?:SMALL |CAPITAL )*LETTER ([A-Z]) ")


class _Looks(dict[int, str]):
    """From each character to what it can pass for in a mark: a lower-case letter without accents; NUL for nothing."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if _invisible(char) or (unicodedata.category(char)[0] in "CM" and not char.isspace()):
            return "\0"
        for first, count in _EMBLEMS:
            if first <= code < first + count:
                return chr(ord("a") + code - first)
        folded = _without_marks(_without_marks(char).casefold())
        if named := _HOOKED.match(unicodedata.name(char, "")):  # strokes and hooks are no accents to Unicode
            return named[1].lower()
        if len(folded) != 1 or folded == char:
            return char
        return self.get(ord(folded), folded)


def _without_marks(text: str) -> str:
    return "".join([c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c)[0] != "M"])


LOOKS = _Looks()
LOOKS.update({code: LOOKS[code] for code in range(128)})
for _ours, _others in _ALIKE.items():
    LOOKS.update(dict.fromkeys(map(ord, _others), _ours))

GAP = r"\0*+(?:[\W_]\0*+){0,8}+"
"""What may stand between the letters of a mark without hiding it, in text that was put through `LOOKS`: up to eight
spaces, underscores or other signs, and any number of invisible characters."""

QUOTE = rf"q{GAP}u{GAP}(?:o{GAP})?t{GAP}e"
"""The word in such text; some combining marks look like its ``o``."""

_OPENING_BRACKET = re.compile("[<" + _ALIKE["<"] + "\u226e\u2270\u2280\u22ea\u2329\ufe3d\ufe3f\ufe64\uff1c]")


def may_open_tag(text: str) -> bool:
    """Whether anything in a text looks like ``<``; quick. (The pattern has all that `LOOKS` folds to it.)"""
    return "<" in text or (not text.isascii() and _OPENING_BRACKET.search(text) is not None)
