"""Quotes in speeches: find them, check them against the passage, and show them to the judge.

A debater marks a quote with ``<quote>...</quote>``. The judge cannot read the passage, so the mark that
this module puts on a quote is the only thing in a speech that the judge may trust. Hence two rules:
a verified quote is shown in the passage's own words, and nothing a player writes can look like our mark.

Two texts match when their words and inner punctuation match after folding: letter case, compatibility
forms (ligatures, full-width letters), composed or decomposed accents, kinds of quotation mark and of
dash, white space (and ``_``, which plain-text books use for italics), and invisible characters make no
difference. Words match whole: ``can`` is not found in ``can't``, nor ``3`` in ``3.50``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

Span = tuple[int, int]
"""A half-open span of characters in the passage as it was given."""

Show = Literal["all", "quotes", "arguments", "verified"]
"""What of a speech the judge is shown; see `render`."""

DEFAULT_MIN_LENGTH = 6
"""Letters and digits a quote needs: "He left." is evidence, "he" or "not" is in every passage."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of a speech: prose, or a quote and where it stands in the passage."""

    text: str
    """What the debater wrote, without the tags around a quote."""
    quoted: bool = False
    spans: tuple[Span, ...] = ()
    """One for each part joined by an ellipsis; empty for prose and for a quote that was not found."""
    source: str = ""
    """The passage's own words at `spans`, on one line: what the judge is shown of a verified quote."""

    @property
    def verified(self) -> bool:
        """Whether this is a quote and stands in the passage."""
        return self.quoted and bool(self.spans)


# Every scan below runs on text that a model wrote. The quantifiers are possessive (``*+``), so that no
# input makes a pattern go back over what it has read: the time is linear in the text.
_TAG = re.compile(r"<\s*+(?P<close>/?)\s*+quote(?:\s[^<>]*+)?+>", re.IGNORECASE)


def parse(speech: str) -> tuple[Segment, ...]:
    """Split a speech into prose and quotes, with no quote checked yet.

    A quote is an opening tag, text without any quote tag, and a closing tag. Tags may be in any case and
    hold white space and attributes. All else is prose, kept to the letter: a tag never closed, a closing
    tag never opened, and the outer tags of nested quotes (the innermost pair is the quote).
    """
    segments: list[Segment] = []
    done = 0
    opening: re.Match[str] | None = None
    for tag in _TAG.finditer(speech):
        if not tag["close"]:
            opening = tag
        elif opening is not None:
            if done < opening.start():
                segments.append(Segment(speech[done : opening.start()]))
            segments.append(Segment(speech[opening.end() : tag.start()], quoted=True))
            done = tag.end()
            opening = None
    if done < len(speech):
        segments.append(Segment(speech[done:]))
    return tuple(segments)


def _invisible(char: str) -> bool:
    """Soft hyphens, zero-width and direction marks, variation selectors: nothing that a reader sees."""
    if unicodedata.category(char) == "Cf" or char in "\u034f\u115f\u1160\u2800\u3164\uffa0":
        return True
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


# Scripts written without spaces, where each character has to count as a word: Thai and Lao, Burmese,
# Khmer, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)


class _Kinds(dict[int, str]):
    """A table for `str.translate` from each character to one letter for its kind.

    Kinds: w letter, n digit, m combining mark, c letter of an unspaced script, a apostrophe, q quotation
    mark, d dash, j full stop or comma, e ellipsis, p other punctuation, i invisible, and space. What is
    looked up is not kept, or one speech after another could fill the table with all of Unicode.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if _invisible(char):
            return "i"
        if category[0] == "M":
            return "m"
        if char.isalnum():
            return "n" if char.isdecimal() else "c" if _UNSPACED.match(char) else "w"
        return " " if char.isspace() or category == "Cc" else "p"


_KINDS = _Kinds()
_KINDS.update({code: _KINDS[code] for code in range(128)})
_APOSTROPHES = "'`\u00b4\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02c8\u2039\u203a\uff07\uff40"
_QUOTATION_MARKS = (
    '"\u201c\u201d\u201e\u201f\u2033\u2036\u2034\u00ab\u00bb\u301d\u301e\u301f\u300c\u300d\u300e\u300f\uff02'
)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d"
_KINDS.update(dict.fromkeys(map(ord, _APOSTROPHES), "a"))
_KINDS.update(dict.fromkeys(map(ord, _QUOTATION_MARKS), "q"))
_KINDS.update(dict.fromkeys(map(ord, _DASHES), "d"))
_KINDS.update({ord("."): "j", ord(","): "j", ord("…"): "e", ord("_"): " "})

# A word holds invisible characters and apostrophes only between letters, and ``,`` or ``.`` only between
# digits. Quotation marks in a row are one mark (so two ' are a "), and so are dashes (-- is a dash).
_TOKEN = re.compile(r"[wnm]++(?:i*+(?:ai*+)?+[wnm]++|(?<=n)j(?=n)[wnm]++)*+|c(?:i*+m++)*+|[aq]++|d++|[ejp]")
_LONGEST_WORD = 256


def _fold(word: str, kinds: str) -> str:
    if "i" in kinds or "a" in kinds:
        word = "".join("'" if kind == "a" else char for char, kind in zip(word, kinds, strict=True) if kind != "i")
    if word.isascii():
        return word.lower()
    if len(word) > _LONGEST_WORD:  # normalize() is quadratic in a run of combining marks
        return word.casefold()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())


def _tokens(text: str) -> Iterator[tuple[str, Span]]:
    """Yield the folded words and punctuation marks of a text, and where each stands in it."""
    kinds = text.translate(_KINDS)
    plain = text.lower().replace("`", "'") if text.isascii() else ""  # what _fold gives, for all words at once
    for match in _TOKEN.finditer(kinds):
        span = match.span()
        kind = kinds[span[0]]
        if kind == "e":
            yield from ((".", span),) * 3
        elif kind in "aqd":
            yield ("-" if kind == "d" else "'"), span
        elif plain:
            yield plain[span[0] : span[1]], span
        else:
            yield _fold(text[span[0] : span[1]], match[0]), span


def _letters(token: str) -> int:
    return sum(map(str.isalnum, token))


def _split(tokens: Sequence[str]) -> list[list[str]]:
    """Divide a quote at its ellipses: three or more full stops, in brackets or not."""
    parts: list[list[str]] = [[]]
    for token, run in groupby(tokens):
        same = list(run)
        if token == "." and len(same) >= 3:
            parts.append([])
        else:
            parts[-1] += same
    return parts


class QuoteChecker:
    """Finds quotes in one passage; the passage is normalised once.

    ``min_length`` is the number of letters and digits, after folding, that a quote needs, and that each
    part of a quote with ellipses needs too: else any sentence could be put together from single words.
    """

    def __init__(self, passage: str, min_length: int = DEFAULT_MIN_LENGTH) -> None:
        self._passage = passage
        self._min_length = min_length
        # One character stands for each distinct token, so that str.find, which is fast, compares whole
        # tokens and has no match to reject for starting or ending inside a word.
        self._codes: dict[str, str] = {}
        self._spans: list[Span] = []
        coded: list[str] = []
        for token, span in _tokens(passage):
            coded.append(self._codes.setdefault(token, chr(len(self._codes))))
            self._spans.append(span)
        self._coded = "".join(coded)

    def find(self, quote: str) -> tuple[Span, ...]:
        """Where a quote first stands in the passage; ``()`` if it does not, or is too short.

        The quote is looked for as it is, and failing that as parts joined by ellipses, which must stand
        in the passage in order and without overlap, one span for each. Punctuation at either end of the
        quote or of a part need not be in the passage; the span takes it in where it is.
        """
        tokens = [token for token, _ in _tokens(quote)]
        spans = self._locate([tokens])
        if not spans and len(parts := _split(tokens)) > 1:
            spans = self._locate(parts)
        return spans

    def _locate(self, parts: Sequence[Sequence[str]]) -> tuple[Span, ...]:
        spans: list[Span] = []
        done = 0  # taking the first place for each part leaves the most room for the next
        for part in parts:
            lengths = [_letters(token) for token in part]
            first, last = 0, len(part)
            while first < last and not lengths[first]:
                first += 1
            while first < last and not lengths[last - 1]:
                last -= 1
            if first == last:
                continue  # nothing before the first ellipsis, say
            codes = [self._codes.get(token) for token in part[first:last]]
            if sum(lengths) < self._min_length or None in codes:
                return ()
            start = self._coded.find("".join(code for code in codes if code), done)
            if start < 0:
                return ()
            end = start + len(codes)
            while first > 0 and start > done and self._coded[start - 1] == self._codes.get(part[first - 1]):
                first, start = first - 1, start - 1
            while last < len(part) and self._coded[end : end + 1] == self._codes.get(part[last]):
                last, end = last + 1, end + 1
            spans.append((self._spans[start][0], self._spans[end - 1][1]))
            done = end
        return tuple(spans)

    def check(self, speech: str) -> tuple[Segment, ...]:
        """Split a speech with `parse` and look up each of its quotes."""
        return self.verify(parse(speech))

    def verify(self, segments: Iterable[Segment]) -> tuple[Segment, ...]:
        """The segments of a parsed speech with each of its quotes looked up."""
        return tuple([self._look_up(segment) if segment.quoted else segment for segment in segments])

    def _look_up(self, quote: Segment) -> Segment:
        spans = self.find(quote.text)
        return Segment(quote.text, True, spans, quoted_source(self._passage, spans) if spans else "")


def quoted_source(passage: str, spans: Sequence[Span]) -> str:
    """The passage's own words at ``spans``, on one line."""
    return " … ".join([" ".join(passage[start:end].split()) for start, end in spans])


class _Looks(dict[int, str]):
    """A table for `str.translate` from each character to what it can pass for in a tag (NUL: nothing)."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if _invisible(char) or (unicodedata.category(char)[0] in "CM" and not char.isspace()):
            return "\0"
        folded = unicodedata.normalize("NFKC", char).casefold()
        return folded if len(folded) == 1 else char


_LOOKS = _Looks()
_LOOKS.update({code: _LOOKS[code] for code in range(128)})
# Brackets and slashes that look like ours, and letters of Cyrillic, Greek, Armenian and phonetic script.
_ALIKE = {
    "<": "\u00ab\u02c2\u1438\u2039\u227a\u22d6\u2329\u276c\u276e\u2770\u27e8\u27ea\u2991\u29fc\u3008\u300a\ufe64\uff1c",
    "/": "\\\u2044\u2215\u29f8\uff0f\uff3c",
    "v": "\u0475\u03bd\u1d20\u0474",
    "u": "\u03c5\u057d\u1d1c",
    "q": "\u051b\u0563\u051a",
    "o": "\u043e\u03bf\u0585\u1d0f\u041e\u039f\u0555",
    "t": "\u0442\u03c4\u1d1b\u0422\u03a4",
    "e": "\u0435\u04bd\u1d07\u0415\u0395",
}
for _ours, _others in _ALIKE.items():
    _LOOKS.update(dict.fromkeys(map(ord, _others), _ours))
_FORGED = re.compile(r"<(?=[\s/\0]*+(?:[vu]\0*+(?:[\W_]\0*+){0,3})?" + r"\0*+".join("quote") + ")")


def neutralise(text: str) -> str:
    """Rewrite what a player wrote so that nothing in it looks like a quote tag, ours or a debater's.

    Only the opening bracket of such a tag is changed, to ``(``. Look-alike brackets and letters, white
    space and invisible characters within the tag do not hide it.
    """
    looks = text.translate(_LOOKS)
    if "<" not in looks:
        return text
    pieces: list[str] = []
    done = 0
    for match in _FORGED.finditer(looks):
        pieces += (text[done : match.start()], "(")
        done = match.end()
    return "".join((*pieces, text[done:]))


def render(segments: Iterable[Segment], show: Show = "all") -> str:
    """Write a checked speech as the judge reads it.

    - ``all``: the speech, with ``<v_quote>`` around verified quotes and ``<u_quote>`` around others.
    - ``quotes``: the verified quotes alone, one a line.
    - ``arguments``: the speech with ``[quote]`` in the place of each quote.
    - ``verified``: as ``all`` if no quote is unverified, and so if there is no quote; else nothing.

    A verified quote is given in the passage's words, so that no change that the check forgives (of case,
    say) reaches the judge as the passage's. All text is put through `neutralise`.
    """
    if show not in get_args(Show):
        raise ValueError(f"show must be one of {get_args(Show)}, not {show!r}")
    segments = list(segments)
    if show == "quotes":
        return "\n".join(neutralise(s.source or " ".join(s.text.split())) for s in segments if s.verified)
    if show == "verified" and any(s.quoted and not s.verified for s in segments):
        return ""
    pieces: list[str] = []
    for quoted, run in groupby(segments, lambda s: s.quoted):
        if not quoted:  # in one piece, or a tag could be put together from two
            pieces.append(neutralise("".join(s.text for s in run)))
        elif show == "arguments":
            pieces.extend("[quote]" for _ in run)
        else:
            for s in run:
                tag = "v_quote" if s.verified else "u_quote"
                pieces.append(f"<{tag}>{neutralise(s.source or s.text)}</{tag}>")
    return "".join(pieces)
