"""Reading one number out of a final answer, strictly: a text that could mean two numbers means none.

Never "the first number in the reply": that would mark ``12 or 13`` as 12 and ``half of 18`` as 18. The grammar:

    answer  :=  [words] [currency] [sign] number [scale] [unit words] [.]
    number  :=  1200 | 1,200 | 1,200.50 | .5 | 3/4 | 1 3/4          (thousands in threes; a comma is no decimal point)
    scale   :=  hundred | thousand | million | billion | trillion

There must be exactly one number. The words around it may say what it is ("18 eggs", "x = 5", "She makes $18 per day",
"50%": a per cent sign is a unit like any other), but none may be a hedge, a negation, an alternative or a number or sum
in words (``REFUSED``), and no other digit, operator or question mark may stand there. TeX dress as models write it
(``\\boxed{18}``, ``$18$``, ``\\frac{3}{4}``, ``18\\%``) is taken off first. Values are exact fractions, so that 0.5
equals 1/2 and 0.333 does not equal 1/3.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_CHARS = 200
"""Longer texts are no final answers; the bound also keeps huge integers and slow matches away."""

_REFUSED = """
or either between versus vs not no never isn't doesn't don't cannot can't but if than unless except
about approximately approx around roughly nearly almost maybe perhaps probably possibly least most over under up
plus minus negative half quarter quarters third thirds twice thrice double triple dozen dozens score point infinity
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety k bn mn
hundred thousand million billion trillion hundreds thousands millions billions trillions
"""
REFUSED = frozenset(_REFUSED.split())
"""Words that may not stand beside the number (a scale right after it is part of the number)."""
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_DRESS = (
    (re.compile(r"\\text\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"(\d?)\s*\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1 \2/\3"),
    (re.compile(r"\\boxed\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"^\s*\$([^$]*)\$\s*\.?\s*$"), r"\1"),
    (re.compile(r"^\s*\\[(\[](.*)\\[)\]]\s*\.?\s*$"), r"\1"),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\\[,!; ]|\*\*|`"), ""),
)
_NUMBER = re.compile(
    r"(?<![\w.,/^+*-])(?P<sign>[-+]?\s?)[$€£¥₹]?\s?(?P<inner>[-+]?)"
    r"(?:(?P<whole>\d+)\s+(?=\d+\s?/))?(?P<a>(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
    r"(?:\s?/\s?(?P<b>\d+))?(?:\s?(?P<scale>hundred|thousand|million|billion|trillion)\b)?(?!\d|[.,/]\d)",
    re.ASCII | re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_AROUND = re.compile(r"(?:[^\W\d_]|(?<=[^\W\d_])[-/](?=[^\W\d_])|['\s,;.()%°$€£¥₹])*[=:]?\s*")


def parse_number(text: str) -> Fraction | None:
    """The one number that ``text`` gives as an answer, or None where it gives none or could mean another."""
    if not 0 < len(text) <= MAX_CHARS:
        return None
    text = text.replace("\u2212", "-").replace("\u2013", "-").replace("\u2019", "'")  # typeset minus, dash, apostrophe
    for pattern, bare in _DRESS:
        text = pattern.sub(bare, text)
    found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        return None
    match = found[0]
    before, after = text[: match.start()], text[match.end() :]
    if any(character.isnumeric() for character in before + after):  # 5², ½ and other scripts' digits
        return None
    if not _AROUND.fullmatch(before) or not _AROUND.fullmatch("x" + after) or after.rstrip().endswith(("=", ":")):
        return None
    if after[:1] in ("K", "M", "B") and not after[1:2].isalpha():  # 18M: metres or millions?
        return None
    words = {word.lower() for word in _WORDS.findall(before + " " + after)}
    if words & REFUSED or (match["sign"].strip() and match["inner"]):
        return None
    return _value(match)


def _value(match: re.Match[str]) -> Fraction | None:
    value = Fraction(match["a"].replace(",", "").rstrip("."))
    if match["b"] is not None:
        if int(match["b"]) == 0:
            return None
        value /= int(match["b"])
    if match["whole"] is not None:
        if match["b"] is None or not 0 < value < 1:  # "12 13", "1 7/4"
            return None
        value += int(match["whole"])
    value *= _SCALES.get((match["scale"] or "").lower(), 1)
    return -value if "-" in match["sign"] + match["inner"] else value


def numbers_equal(reference: str, answer: str | None) -> bool:
    """Whether both texts can be read and are the same number. None (no answer was found) equals nothing."""
    if answer is None:
        return False
    value = parse_number(answer)
    return value is not None and value == parse_number(reference)
