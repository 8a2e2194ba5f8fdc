"""Quotations in a speech that do not stand between quote tags.

A reader takes what stands in quotation marks, in tags of another name, behind ``>`` or after a tag that was never
closed for the passage's words as well. Where only verified quotes may be shown, these have to be checked too. What is
meant is not always certain (an apostrophe closes, an inch mark opens): whatever may be meant is looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from oversight_envs.core.characters import APOSTROPHES, GAP, KINDS, LOOKS, QUOTATION_MARKS, QUOTE, may_open_tag
from oversight_envs.core.words import count_words

Stretch = tuple[int, int]
"""A half-open span of characters of a speech."""

FEWEST_WORDS = 2
"""Words in quotation marks that are a quotation: a single one is most often none ("so-called")."""

# In text that was put through `LOOKS`.
_OTHERS = "verified|excerpt|passage|evidence|source|text"
_NAME = rf"(?:(?:[vus]{GAP})?{QUOTE}[ds]?|blockquotes?|quotations?|q|cite|citation|{_OTHERS})(?![^\W_])"
_TAG = re.compile(rf"(?P<bracket>[<\[{{(]|&lt;)(?P<before>{GAP}){_NAME}(?:[^<>\[\]{{}}]{{0,100}}+[>\]}}])?+")
_POINTED = ("<", "&lt;")
_BRACKET = re.compile(r"[\[{]|\(/|&lt;")
_LINE = re.compile(r"^[ \t]*+>[> \t]*+(.*)$", re.MULTILINE)
_MARKS = re.compile("[aq]++")
_OPENING = frozenset("\u275d\u201c\u201e\u201f\u00ab\u301d\u300c\u300e")
_CLOSING = frozenset("\u275e\u201d\u00bb\u301e\u301f\u300d\u300f")
_WORD_KINDS = frozenset("wnmcts")
_ASCII_SIGNS = (*'<>"`[{&', "(/")
_APOSTROPHE = re.compile(r"'(?:(?<='')|(?<![^\W_].)(?=\S))")
_SIGN = re.compile(f"[{QUOTATION_MARKS}\\[{{>&]|\\(/|[{APOSTROPHES}](?:(?<=[{APOSTROPHES}]{{2}})|(?<![^\\W_].)(?=\\S))")


def may_quote(speech: str) -> bool:
    """Whether there is anything in a speech for `unmarked_quotations` to look at; quick, and true too often."""
    if speech.isascii():
        return any(sign in speech for sign in _ASCII_SIGNS) or _APOSTROPHE.search(speech) is not None
    return _SIGN.search(speech) is not None or may_open_tag(speech)


def unmarked_quotations(parts: Sequence[tuple[str, bool]]) -> Iterator[Stretch]:
    """Where the speech gives a quotation without our tags.

    ``parts`` are the speech's texts and whether each is a quote in our tags; what is inside of one opens and closes
    nothing. The stretches count characters of all texts together. A quotation is two words or more in quotation
    marks, and anything in a tag named like a quote; a tag that is not closed reaches to the end.
    """
    text = "".join([re.sub(r"[^\w\s]", " ", part) if quoted else part for part, quoted in parts])
    if not may_quote(text):
        return
    ends = accumulate(len(part) for part, _ in parts)
    yield from _in_tags(text, [end for end, (_, quoted) in zip(ends, parts, strict=True) if quoted])
    yield from (match.span(1) for match in _LINE.finditer(text))
    kinds = text.translate(KINDS)
    marks = [match.span() for match in _MARKS.finditer(kinds)]
    pairs = [(start, end) for start, end in marks if end - start > 1 or kinds[start] == "q"]
    single = [start for start, end in marks if end - start == 1 and kinds[start] == "a"]
    for start, end in (*_in_pairs(text, kinds, pairs), *_in_single(text, kinds, single)):
        if _words(text[start:end]) >= FEWEST_WORDS:
            yield start, end


def _words(text: str) -> int:
    """How many words, those with hyphens taken as one."""
    return count_words(text.replace("-", ""))


def _in_tags(text: str, quotes: Sequence[int]) -> Iterator[Stretch]:
    """From a tag to the next one or the end; before a closing tag that nothing opened, from the last quote on.

    ``quotes`` are the places where quotes in our tags end. Tags in other brackets than ``<`` count in pairs only.
    """
    if not _BRACKET.search(text) and not may_open_tag(text):
        return
    opening: re.Match[str] | None = None
    done = 0
    for tag in _TAG.finditer(text.translate(LOOKS)):
        closes, pointed = "/" in tag["before"], tag["bracket"] in _POINTED
        if opening is not None and (closes or opening["bracket"] in _POINTED):
            yield opening.end(), tag.start()
        elif opening is None and closes and pointed:
            last = bisect_right(quotes, tag.start())
            yield max(done, quotes[last - 1] if last else 0), tag.start()
        opening, done = None if closes else tag, tag.end()
    if opening is not None and opening["bracket"] in _POINTED:
        yield opening.end(), len(text)


def _in_pairs(text: str, kinds: str, marks: Sequence[Stretch]) -> Iterator[Stretch]:
    """Between double marks: the first and second, third and fourth, and any two that open and close by their looks."""

    def spaced(place: int) -> bool:
        return not 0 <= place < len(text) or text[place].isspace()

    def opens(start: int, end: int) -> bool:
        if not _OPENING.isdisjoint(text[start:end]):
            return True
        return spaced(start - 1) if spaced(end) else start == 0 or kinds[start - 1] not in _WORD_KINDS

    def closes(start: int, end: int) -> bool:
        return not _CLOSING.isdisjoint(text[start:end]) or not spaced(start - 1) or spaced(end)

    for number, (first, second) in enumerate(pairwise(marks)):
        if number % 2 == 0 or (opens(*first) and closes(*second)):
            yield first[1], second[0]
    if len(marks) % 2 and opens(*marks[-1]):
        end = text.find("\n\n", marks[-1][1])
        yield marks[-1][1], len(text) if end < 0 else end


def _in_single(text: str, kinds: str, marks: Sequence[int]) -> Iterator[Stretch]:
    """Between single marks at the edges of words; one that closes too early is passed over."""
    opening: int | None = None
    for place in marks:
        before, after = kinds[max(0, place - 1) : place], kinds[place + 1 : place + 2]
        if before not in _WORD_KINDS and after not in ("", " "):
            opening = place + 1
        elif opening is None or before == " " or after in _WORD_KINDS:
            continue
        elif place - opening > 64 or _words(text[opening:place]) >= FEWEST_WORDS:
            yield opening, place
            opening = None
