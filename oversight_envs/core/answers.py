"""Reading a decision, a mark or a final answer out of text, strictly.

A reply that could mean two things is rejected rather than guessed at: a judge that says "A or B" has not decided, and
"the first letter in the reply" would often be the article "A". All patterns are anchored at both ends.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from oversight_envs.core.verdict import Verdict

CERTAIN = 0.99
"""Probabilities given in words are clipped to [1 - CERTAIN, CERTAIN], so that no log score is infinite."""


class DecisionError(ValueError):
    """A text that is no clear decision."""


_LEAD = r"(?:(?:my |the )?(?:final )?(?:answer|verdict|choice|decision)(?: is)?\s*[:=]?\s*)?"
_LABEL = re.compile(_LEAD + r"(?:option |answer |debater )?[(\[]?([A-Z])[)\]]?\s*[.!]?", re.IGNORECASE)
_NUMBER = re.compile(_LEAD + r"(\d{0,9}\.?\d{1,9})\s*(%?)\s*[.!]?", re.IGNORECASE)
_PAIR = re.compile(r"[(\[]?([A-Z])[)\]]?\s*[:=]?\s*(\d{0,9}\.?\d{1,9})\s*(%?)", re.IGNORECASE)
_YES_NO = re.compile(_LEAD + r"(yes|no|correct|incorrect|right|wrong)\s*[.!]?", re.IGNORECASE)
_DECORATION = " \t\n*_`\"'"


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
        if not (match := _PAIR.fullmatch(part.strip(_DECORATION))) or match[1].upper() not in labels:
            raise DecisionError(f"no clear decision between {', '.join(labels)} in {text!r:.200}")
        if given.setdefault(match[1].upper(), p := _probability(match[2], match[3])) != p:
            raise DecisionError(f"two probabilities for {match[1]} in {text!r:.200}")
    if len(labels) == 2 and len(given) == 1:
        given[next(label for label in labels if label not in given)] = 1 - next(iter(given.values()))
    if len(given) != len(labels) or abs(sum(given.values()) - 1) > 0.02:
        raise DecisionError(f"the probabilities in {text!r:.200} do not cover {', '.join(labels)} or do not sum to 1")
    return _verdict([_clip(given[label]) for label in labels])


def named_option(text: str, options: Sequence[str]) -> int | None:
    """The option that a text names: its final answer, or all of it, is the words of one option; else None."""
    said = _plain(final_answer(text) or text)
    found = [number for number, option in enumerate(options) if _plain(option) == said]
    return found[0] if len(found) == 1 else None


def _plain(text: str) -> str:
    """Without what makes no other answer of it: case, spacing, decoration, a full stop at the end."""
    return " ".join(text.strip(_DECORATION).removeprefix("- ").rstrip(".").casefold().split())


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
    text = text.strip(_DECORATION)
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


# "So the answer is 12." is how many models end whatever they were told; it counts as a line of its own only.
_FINAL = re.compile(
    r"^[ \t]*(?:\*\*)?(?:(?:the |my )?final answer|answer|A)(?:\*\*)?[ \t]*:(?P<a>[^\n]*)"
    r"|####(?P<b>[^\n]*)"
    r"|^[ \t]*(?:(?:so|thus|hence|therefore),?[ \t]+)?the (?:final )?answer is:?[ \t]+(?P<c>[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)


def final_answer(text: str) -> str | None:
    """The last line of the form ``Answer: …``, ``A: …``, ``#### …`` or ``(So) the answer is …``; else None."""
    last = None
    for match in _FINAL.finditer(text):
        last = next(group for group in match.groups() if group is not None)
    answer = (last or "").strip(_DECORATION)
    return answer or None
