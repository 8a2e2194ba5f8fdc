r"""The final answer of a solution: where it stands, and which number it is.

``final_answer`` is the one reader. It takes answers as models write them, whatever stands before the line (bullet,
quote mark, heading, bold):

    Answer: …      A: …      The (final, correct) answer is …      #### 18      \boxed{…}

or, where nothing follows on that line, what stands below it, in display math or not. The last of them counts. A
``####`` that heads a section ("#### Check") is no answer. A number comes back in plain digits, anything else in its
words; None where no answer is marked as one.

Never "the first number in the reply": that would mark ``12 or 13`` as 12 and ``half of 18`` as 18. A text that could
mean two numbers means none. The grammar of ``parse_number``:

    answer  :=  [words] [currency] [sign] number [scale] [unit words] [.]
    number  :=  1200 | 1,200 | 1,200.50 | .5 | 3/4 | 1 3/4          (thousands in threes; a comma is no decimal point)
    scale   :=  hundred | thousand | million | billion | trillion

There must be exactly one number. The words around it may say what it is ("18 eggs", "x = 5", "She makes $18 per day",
"18 m²", "50%": a per cent sign is a unit like any other), but none may be a hedge, a negation, an alternative or a
number or sum in words (``REFUSED``), and no other digit, operator or question mark may stand there. TeX dress as models
write it (``\boxed{18}``, ``$18$``, ``\frac{3}{4}``, ``18\%``, ``1{,}800``) is taken off first. Values are exact
fractions, so that 0.5 equals 1/2 and 0.333 does not equal 1/3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from oversight_envs.core.answers import DECORATION, plain_characters

MAX_CHARS = 200
"""Longer texts are no final answers; the bound also keeps huge integers and slow matches away."""

_HEDGES = """
or either between versus vs not no never isn't doesn't don't cannot can't but if than unless except wrong incorrect
false mistake mistaken guess unsure uncertain about approximately approx around roughly nearly almost maybe perhaps
probably possibly least most
"""
_REFUSED = """
over under up plus minus negative half quarter quarters third thirds twice thrice double triple dozen dozens score point
infinity zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety k bn mn
hundred thousand million billion trillion hundreds thousands millions billions trillions
"""
HEDGES = frozenset(_HEDGES.split())
REFUSED = HEDGES | frozenset(_REFUSED.split())
"""Words that may not stand beside the number (a scale right after it is part of the number)."""
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

# --- Which number a text gives ---------------------------------------------------------------------------------------

_LENGTHS = "in|inch|inches|ft|foot|feet|yd|yards?|mi|miles?|units?|(?:centi|milli|deci|kilo)?met(?:er|re)s?"
_UNITS = rf"[mcdk]?m|{_LENGTHS}|s|sec|seconds?|h|hr|hours?|days?"
_DRESS = (
    (re.compile(r"(?<=[0-9])(?:\{,\}|\\[,;:]|[\u00a0\u2007-\u2009\u202f])(?=[0-9]{3}(?![0-9]))"), ","),
    (re.compile(r"\\(?:left|right|displaystyle|q?quad|!)(?![a-z])"), ""),
    (re.compile(r"\\[,;: ]|(?<=[0-9{])~(?=\\?[a-z])|\s", re.IGNORECASE), " "),
    (re.compile(r"\\(?:text|math|mbox)[a-z]*\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\^\s*\{\s*(-?[123])\s*\}"), r"^\1"),
    (re.compile(r"\^\s*(?:\\circ(?![a-z])|\{\s*\\circ\s*\})"), "°"),
    (re.compile(rf"(?<![^\W\d_])(?:({_UNITS})(?: ?\^-?[123](?![0-9])|⁻?[¹²³])|([mcdk]?m)[23](?!\w))"), r"\1\2"),
    (re.compile(r"([0-9]?)\s*\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1 \2/\3"),
    (re.compile(r"\\(?:f|frame)?box(?:ed)?\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[()\[\]]|\$\$|\\(?:begin|end)\s*\{[a-z]+\*?\}"), " "),
    (re.compile(r"^\s*\$([^$]*)\$\s*\.?\s*$"), r"\1"),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\*\*|`"), ""),
)
"""What TeX and Markdown put around a number, and what is left: thousands, spaces, words, units, boxes."""
_CURRENCY = "[$¢-¥\u20a0-\u20cf]"
_NUMBER = re.compile(
    rf"(?<![\w.,/^+*-])(?P<sign>[-+]?\s?){_CURRENCY}?\s?(?P<inner>[-+]?)"
    r"(?:(?P<whole>\d+)\s+(?=\d+\s?/))?(?P<a>(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
    r"(?:\s?/\s?(?P<b>\d+))?(?:\s?(?P<scale>hundred|thousand|million|billion|trillion)\b)?(?!\d|[.,/]\d)",
    re.ASCII | re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_AROUND = re.compile(rf"(?:[^\W\d_]|(?<=[^\W\d_])(?:-|\s?[/·]\s?)(?=[^\W\d_])|['\s,;.()%°℃℉。]|{_CURRENCY})*[=:]?\s*")
_ONE_LETTER = re.compile(r"\s*(?:/\s*)?(?![gmshdltcCFNJWVAL]\b|a\s[^\W\d_])[A-Za-z\u00c0-\u058f](?![^\W\d_'])")
"""After a number: a letter that is no unit. ``18x`` and ``18 / n`` are other numbers, ``18M`` may be millions."""


class _Found(NamedTuple):
    """The one number of a text: its value, how it is written in plain digits, and whether words stand beside it."""

    value: Fraction
    plain: str
    bare: bool
    first: bool


def parse_number(text: str) -> Fraction | None:
    """The one number that ``text`` gives as an answer, or None where it gives none or could mean another."""
    found = _find(text)
    return found.value if found else None


def _find(text: str) -> _Found | None:
    if not 0 < len(text) <= MAX_CHARS:
        return None
    text = _undressed(plain_characters(text))
    text = text.replace("\u2212", "-").replace("\u2013", "-").replace("\u2019", "'")  # typeset minus, dash, apostrophe
    matches = list(_NUMBER.finditer(text))
    if len(matches) != 1:
        return None
    match = matches[0]
    before, after = text[: match.start()], text[match.end() :]
    if any(character.isnumeric() for character in before + after):  # 5², ½ and other scripts' digits
        return None
    if not _AROUND.fullmatch(before) or not _AROUND.fullmatch("x" + after) or after.rstrip().endswith(("=", ":")):
        return None
    if _ONE_LETTER.match(after):
        return None
    words = [word.lower() for word in _WORDS.findall(before + " " + after)]
    if REFUSED.intersection(words) or (match["sign"].strip() and match["inner"]):
        return None
    value = _value(match)
    return None if value is None else _Found(value, _plain(value, match), not words, not _WORDS.search(before))


def _plain(value: Fraction, match: re.Match[str]) -> str:
    """In plain digits: a decimal stays one, and a fraction is in lowest terms."""
    if match["b"] is not None or match["scale"] is not None or "." not in match["a"]:
        return str(value)
    whole, _, part = match["a"].replace(",", "").partition(".")
    digits = f"{whole.lstrip('0') or '0'}.{part}".rstrip("0").removesuffix(".")
    return f"-{digits}" if value < 0 else digits


def _undressed(text: str) -> str:
    for _ in range(2):  # dress within dress
        dressed = text
        for pattern, bare in _DRESS:
            text = pattern.sub(bare, text)
        if text == dressed:
            break
    return text


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


# --- Where the answer stands -----------------------------------------------------------------------------------------

_NAME = r"(?:(?:the|my|our)\s+)?(?:(?:final|correct|right)\s+){0,2}(?:answer|ans)"
_SO = r"(?:(?:so|thus|hence|therefore|finally|then|and)[,:]?\s+){0,2}"
_LABEL = re.compile(
    rf"[\W_]*+(?:\d{{1,2}}[.)][\W_]*+)?(?:{_SO}{_NAME}(?:\s?\([^()]{{0,40}}\))?[\s*_]*+(?:[:=—]|$)|(?-i:A)[\s*_]*+:)",
    re.IGNORECASE,
)
"""``Answer:`` or ``A:`` at the start of a line, behind bullets, quote marks, hashes or a number. A line that says
``Answer`` and no more needs no colon."""
_SAID = re.compile(
    rf"(?:^[\W_]*+|(?<=[.!?:;])[\s*_]++){_SO}{_NAME}(?:\s+to\s+(?:the|this)\s+(?:question|problem))?\s+is"
    r"(?:[,\s]+(?:thus|then|therefore|simply|indeed))?\b[\s,:]*",
    re.IGNORECASE,
)
"""``(So) the answer is`` at the start of a sentence: it is the answer where the rest of the line is one."""
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*\{")
_HASHES = re.compile(r"(?<!#)####(?!#)")
_JOINED_BEFORE = re.compile(r"[-−–+*/^×~]\s*(?:\\[(\[]|\$|\()*\s*$")
_JOINED_AFTER = re.compile(r"\s*(?:[-−–+*/^×~?!\d]|\\(?:times|cdot|div|pm|frac))")
_NUMBERED = re.compile(r"\d+[.):]\s")
"""A numbered heading, ``2. Check``."""
_EMPTY = re.compile(r"[=-]{3,}|")
"""A line with nothing on it, or only what underlines a heading."""
_BULLETS = re.compile(r"^(?:[-*+•]\s|>|\s)+")
_OPENS = re.compile(r"\\\[|\\\(|\$\$|```[a-z]*|\\begin\s*\{[a-z]+\*?\}")


class _Strength(IntEnum):
    """Of what may be the answer, whatever is stronger counts, and of what is equally strong the last."""

    WORDS = 0  # under a label, or after "the answer is"
    HEADING = 1  # "#### 18 eggs": it may head a section
    MARKED = 2


class _Candidate(NamedTuple):
    """What may be the answer."""

    text: str
    strength: _Strength = _Strength.MARKED


def final_answer(text: str) -> str | None:
    """The last answer that is marked as one (see above): a number in plain digits, else its words; None without one."""
    lines = [line.strip() for line in plain_characters(text).rstrip().splitlines()]
    found: _Candidate | None = None
    for index in range(len(lines)):
        candidate = _candidate(lines, index)
        if candidate and (found is None or candidate.strength >= found.strength):
            found = candidate
    if found is None:
        return None
    if number := _find(found.text):
        return number.plain
    words = _undressed(found.text) if "\\" in found.text else found.text
    return words.strip(DECORATION) or None


def _candidate(lines: Sequence[str], index: int) -> _Candidate | None:
    line = lines[index]
    said, label = [match.end() for match in _SAID.finditer(line)], _LABEL.match(line)
    if said or label:
        content = line[max([*said, label.end() if label else 0]) :].strip(DECORATION)
        if not content or _OPENS.fullmatch(content):
            return _below(lines, index + 1)
        is_clear = label or any(map(str.isdigit, content))
        return _Candidate(_out_of_its_box(content), _Strength.MARKED if is_clear else _Strength.WORDS)
    if _BOX.search(line):
        return _Candidate(_out_of_its_box(line))
    if hashes := [match.end() for match in _HASHES.finditer(line)]:
        content, is_last = line[hashes[-1] :].strip(DECORATION), index + 1 == len(lines)
        number = _find(content)
        if number and (number.bare or (number.first and (is_last or "\\" in content))):  # not "#### 2. Check"
            return _Candidate(content)
        if number and number.first and not _NUMBERED.match(content):
            return _Candidate(content, _Strength.HEADING)
        return _Candidate(content, _Strength.WORDS) if is_last else None
    return None


def _below(lines: Sequence[str], start: int) -> _Candidate | None:
    """What stands under a label that has nothing on its own line: an answer, unless it is where the working begins."""
    full = (number for number in range(start, len(lines)) if not _EMPTY.fullmatch(lines[number]))
    at = next(full, None)
    end = at
    if at is not None and _OPENS.fullmatch(lines[at]):
        at = next(full, None)
        end = next(full, at)  # the line that closes the display
    if at is None or end is None or _LABEL.match(lines[at]) or _SAID.match(lines[at]) or _BOX.search(lines[at]):
        return None  # a candidate itself
    content = _BULLETS.sub("", lines[at], count=1).strip(DECORATION)
    is_last = end + 1 == len(lines)
    stands_alone = is_last or not lines[end + 1]
    number = _find(content)
    if number and (number.bare or is_last or (number.first and stands_alone)):
        return _Candidate(content)
    if not stands_alone:
        return None
    is_clear = is_last and any(map(str.isdigit, content))
    return _Candidate(content, _Strength.MARKED if is_clear else _Strength.WORDS)


def _out_of_its_box(text: str) -> str:
    r"""What stands in the one ``\boxed{}`` of a text, unless the text is clear as a whole, or takes the box back."""
    boxes = list(_boxes(text))
    if len(boxes) != 1 or _find(text):
        return text
    ((start, end),) = boxes
    opening = _BOX.match(text, start)
    assert opening
    before, after = text[:start], text[end:]
    before = before[max([0, *(match.end() for match in re.finditer(r"[.!?]\s", before))]) :]
    words = [word.lower() for word in _WORDS.findall(f"{before} {after}")]
    if HEDGES.intersection(words) or _JOINED_BEFORE.search(before) or _JOINED_AFTER.match(after):
        return text
    return text[opening.end() : end - 1]


def _boxes(text: str) -> Iterator[tuple[int, int]]:
    """Where the boxes of a text begin and end."""
    end = 0
    for match in _BOX.finditer(text):
        if match.start() < end:  # in another box
            continue
        depth = 1
        for end in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if not depth:
                yield match.start(), end + 1
                break
        else:
            return


# --- Which option a text names -------------------------------------------------------------------------------------


def named_option(text: str, options: Sequence[str]) -> int | None:
    """The option that a text names; None where it names none, or could mean another.

    Its final answer, or all of it, is the words of one option; or it is short and has the words of one option, two or
    more of them, among others that neither hedge nor deny: "I argue for the hall."
    """
    said = _bare(final_answer(text) or text)
    bare = [_bare(option) for option in options]
    found = [number for number, option in enumerate(bare) if option == said]
    if not found and len(said) <= MAX_CHARS:
        within = [re.sub(rf"(?<!\w){re.escape(option)}(?!\w)", " ", said) if option else said for option in bare]
        found = [number for number, rest in enumerate(within) if rest != said]
        if len(found) == 1 and (" " not in bare[found[0]] or any(map(_denies, _WORDS.findall(within[found[0]])))):
            found = []
    return found[0] if len(found) == 1 else None


def _denies(word: str) -> bool:
    return word in HEDGES or word.endswith("n't")


def _bare(text: str) -> str:
    """Without what makes no other answer of it: case, spacing, decoration, a full stop at the end."""
    return " ".join(text.strip(DECORATION).removeprefix("- ").rstrip(".").casefold().split())
