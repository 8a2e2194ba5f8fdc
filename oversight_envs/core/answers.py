"""Reading a decision or a mark out of text, strictly. (Final answers: ``tasks/final_answers.py``.)

A reply that could mean two things is rejected rather than guessed at: a judge that says "A or B" has not decided, and
"the first letter in the reply" would often be the article "A". All patterns are anchored at both ends.
"""

from __future__ import annotations

import math
import re
import unicodedata

from oversight_envs.core.verdict import Verdict

CERTAIN = 0.99
"""Probabilities given in words are clipped to [1 - CERTAIN, CERTAIN], so that no log score is infinite."""


class DecisionError(ValueError):
    """A text that is no clear decision."""


_LEAD = r"(?:(?:my |the )?(?:final )?(?:answer|verdict|choice|decision)(?: is)?\s*[:=]?\s*)?"
_LABEL = re.compile(_LEAD + r"(?:option |answer |debater )?[(\[]?([A-Z])[)\]]?\s*[.!。]?", re.IGNORECASE)
_NUMBER = re.compile(_LEAD + r"(\d{0,9}\.?\d{1,9})\s*(%?)\s*[.!。]?", re.IGNORECASE)
_PAIR = re.compile(r"[(\[]?([A-Z])[)\]]?\s*[:=]?\s*(\d{0,9}\.?\d{1,9})\s*(%?)", re.IGNORECASE)
_YES_NO = re.compile(_LEAD + r"(yes|no|correct|incorrect|right|wrong)\s*[.!。]?", re.IGNORECASE)
DECORATION = " \t\n*_`\"'“”‘’"


class _PlainCharacters(dict[int, str]):
    """A table for ``str.translate``. What is looked up is not kept, or one text after another could fill it."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if unicodedata.category(char) == "Cf" or _INVISIBLE.match(char):
            return ""
        form, _, letters = unicodedata.decomposition(char).partition(" ")
        if form in ("<wide>", "<narrow>", "<small>", "<font>"):
            return "".join(chr(int(letter, 16)) for letter in letters.split())
        return char


# Fillers, blanks and variation selectors; zero-width and direction marks and soft hyphens are of category Cf.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_PLAIN = _PlainCharacters()
_PLAIN.update({code: chr(code) for code in range(128)})


def plain_characters(text: str) -> str:
    """``text`` without what no reader sees; full-width, small and styled letters, digits and signs as plain ones."""
    return text if text.isascii() else text.translate(_PLAIN)


def parse_decision(text: str, labels: tuple[str, ...]) -> Verdict:
    """One label; or the probability of the first of two labels; or a probability for each label (``A: 0.7, B: 0.3``).

    Raises DecisionError for anything else.
    """
    text = _short(text)
    if (match := _LABEL.fullmatch(text)) and match[1].upper() in labels:
        chosen = labels.index(match[1].upper())
        rest = (1 - CERTAIN) / (len(labels) - 1)
        return _verdict([CERTAIN if k == chosen else rest for k in range(len(labels))])
    if len(labels) == 2 and (match := _NUMBER.fullmatch(text)):
        first = _clip(_probability(match[1], match[2]))
        return _verdict([first, 1 - first])
    given: dict[str, float] = {}
    for part in re.split(r"[,;\n]", text):
        if not (match := _PAIR.fullmatch(part.strip(DECORATION))) or match[1].upper() not in labels:
            raise DecisionError(f"no clear decision between {', '.join(labels)} in {text!r:.200}")
        if given.setdefault(match[1].upper(), p := _probability(match[2], match[3])) != p:
            raise DecisionError(f"two probabilities for {match[1]} in {text!r:.200}")
    if len(labels) == 2 and len(given) == 1:
        given[next(label for label in labels if label not in given)] = 1 - next(iter(given.values()))
    if len(given) != len(labels) or abs(sum(given.values()) - 1) > 0.02:
        raise DecisionError(f"the probabilities in {text!r:.200} do not cover {', '.join(labels)} or do not sum to 1")
    return _verdict([_clip(given[label]) for label in labels])


def parse_score(text: str) -> float:
    """The log-odds that a solution is right, from Yes or No or a probability; else DecisionError."""
    text = _short(text)
    if match := _YES_NO.fullmatch(text):
        p = CERTAIN if match[1].lower() in ("yes", "correct", "right") else 1 - CERTAIN
    elif match := _NUMBER.fullmatch(text):
        p = _clip(_probability(match[1], match[2]))
    else:
        raise DecisionError(f"neither Yes, No nor a probability: {text!r:.200}")
    return math.log(p) - math.log1p(-p)


def _short(text: str) -> str:
    text = re.sub(r"[^\S\n]", " ", plain_characters(text)).strip(DECORATION)
    if not 0 < len(text) <= 300:
        raise DecisionError("the reply is empty" if not text else f"the reply is {len(text)} characters long")
    return text


def _probability(number: str, percent: str) -> float:
    p = float(number) / (100 if percent else 1)
    if not 0 <= p <= 1:
        raise DecisionError(f"{number}{percent} is not a probability")
    return p


def _clip(p: float) -> float:
    return min(max(p, 1 - CERTAIN), CERTAIN)


def _verdict(probabilities: list[float]) -> Verdict:
    total = sum(probabilities)
    return Verdict(tuple(math.log(p / total) for p in probabilities))
