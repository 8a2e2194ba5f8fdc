"""Quotes in speeches: find them, check them against the passage, and show them to the judge.

A debater marks a quote with ``<quote>...</quote>``. The judge cannot read the passage, so the mark that
this module puts on a quote is the only thing in a speech that the judge may trust. Hence two rules:
a verified quote is shown in the passage's own words, and nothing a player writes can look like our mark.

A quote is *verified*, *absent* or *short*: it stands in the passage and is too short to count, since words like
"he" or "not" are in every passage. A short quote that does not stand there is absent; one without a letter claims
nothing, and is short.

Two texts match when their words and inner punctuation match after folding: letter case, compatibility
forms (ligatures, full-width letters), composed or decomposed accents, kinds of quotation mark and of
dash, white space (and ``_``, which plain-text books use for italics), and invisible characters make no
difference. Words match whole: ``can`` is not found in ``can't``, nor ``3`` in ``3.50``. But a quote may begin or end
inside a word at an apostrophe, as in ``'d vote`` and ``the captain`` of ``the captain's log``; the judge is then
shown the whole word.

A mark vouches for one unbroken run of the passage. A quote whose parts are joined by ellipses is marked part by part,
so that the judge sees each joint, and its parts must be longer: else a sentence could be put together from words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, NamedTuple, get_args

from oversight_envs.core.characters import GAP, KINDS, LOOKS, QUOTE, letters, may_open_tag
from oversight_envs.core.quotations import unmarked_quotations

Span = tuple[int, int]
"""A half-open span of characters in the passage as it was given."""

Show = Literal["all", "quotes", "arguments", "verified"]
"""What of a speech the judge is shown; see `render`."""

State = Literal["verified", "short", "absent"]
"""What was found of a quote: it stands in the passage, it does but is too short to count, or it does not."""

DEFAULT_MIN_LENGTH = 6
"""Letters and digits a quote needs: "He left." is evidence, "he" or "not" is in every passage. A Han or kana character
counts as two. The wordings tell debaters this number and the next."""
PART_WORDS = 3
"""Words that each part of a quote with ellipses needs besides."""


SHORT, MISQUOTES = "short", "misquotes"
"""Words beside the segments of a record; see `Segment.findings`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of a speech: prose, or a quote and where it stands in the passage."""

    text: str
    """What the debater wrote, without the tags around a quote."""
    quoted: bool = False
    spans: tuple[Span, ...] = ()
    """Where the quote stands: one span, or one for each part of a short quote with ellipses. Empty for prose and for
    a quote that is absent."""
    source: str = ""
    """The passage's own words at `spans`, on one line: what the judge is shown of a verified quote."""
    short: bool = False
    """Whether this is a quote that is too short to count."""
    misquotes: bool = False
    """Whether this is prose that gives, in quotation marks or other tags, what does not stand in the passage."""

    @property
    def state(self) -> State:
        """Of a quote; prose is ``absent``."""
        return "short" if self.short else "verified" if self.spans else "absent"

    @property
    def findings(self) -> list[Any]:
        """What was found of it, as JSON values: nothing of prose, where a quote stands, and a word that says more."""
        if not self.quoted:
            return [MISQUOTES] if self.misquotes else []
        return [self.spans, SHORT] if self.short else [self.spans]

    @property
    def verified(self) -> bool:
        """Whether this is a quote that stands in the passage and counts."""
        return self.quoted and self.state == "verified"


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


# A word holds invisible characters and apostrophes only between letters, and ``,`` or ``.`` only between
# digits. Quotation marks in a row are one mark (so two ' are a "), and so are dashes (-- is a dash).
_TOKEN = re.compile(r"[wnm]++(?:i*+(?:ai*+)?+[wnm]++|(?<=n)j(?=n)[wnm]++)*+|[ct](?:i*+m++)*+|[aq]++|d++|[ejps]")
_LONGEST_WORD = 256
_JOINT = "\u2019"
"""The token of an apostrophe within a word; one that stands before or after a word is ``'``."""


def _fold(word: str, kinds: str) -> str:
    if "i" in kinds or "a" in kinds:
        word = "".join("'" if kind == "a" else char for char, kind in zip(word, kinds, strict=True) if kind != "i")
    if word.isascii():
        return word.lower()
    if len(word) > _LONGEST_WORD:  # normalize() is quadratic in a run of combining marks
        return word.casefold()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())


def _at_apostrophes(word: str) -> Iterator[str]:
    """The tokens of a word: what stands between its apostrophes, and the joints.

    ``can`` and ``won`` of ``can't`` and ``won't`` are other tokens than the words that they look like.
    """
    parts = word.split("'")
    for place, part in enumerate(parts):
        if place:
            yield _JOINT
        yield part + _JOINT if part in ("can", "won") and parts[place + 1 : place + 2] == ["t"] else part


def _tokens(text: str) -> Iterator[tuple[str, Span]]:
    """Yield the folded words and punctuation marks of a text, and where each stands in it.

    A word with apostrophes is several tokens, each with the span of the whole word.
    """
    kinds = text.translate(KINDS)
    plain = text.lower().replace("`", "'") if text.isascii() else ""  # what _fold gives, for all words at once
    for match in _TOKEN.finditer(kinds):
        span = match.span()
        kind = kinds[span[0]]
        if kind == "e":
            yield from ((".", span),) * 3
            continue
        if kind in "aqd":
            yield ("-" if kind == "d" else "'"), span
            continue
        word = plain[span[0] : span[1]] if plain else _fold(text[span[0] : span[1]], match[0])
        if "'" in word and len(word) <= _LONGEST_WORD:
            for token in _at_apostrophes(word):
                yield token, span
        else:
            yield word, span


_ELLIPSIS = 3
"""Full stops in a row, at least."""


class _Part(NamedTuple):
    """What stands between two ellipses of a quote, and where it stands in the passage, in tokens."""

    start: int
    end: int
    written: Span
    """Where it stands in the quote, in characters."""
    letters: int
    words: int


def _split(tokens: Sequence[tuple[str, Span]]) -> list[list[tuple[str, Span]]]:
    """Divide a quote at its ellipses: three or more full stops, in brackets or not."""
    if [token for token, _ in tokens].count(".") < _ELLIPSIS:
        return [list(tokens)]
    parts: list[list[tuple[str, Span]]] = [[]]
    for token, run in groupby(tokens, lambda item: item[0]):
        same = list(run)
        if token == "." and len(same) >= _ELLIPSIS:
            parts.append([])
        else:
            parts[-1] += same
    return parts


class QuoteChecker:
    """Finds quotes in one passage; the passage is normalised once.

    ``min_length`` is the number of letters and digits, after folding, that a quote needs to count; see
    `DEFAULT_MIN_LENGTH`.
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
        """Where a quote first stands in the passage; ``()`` if it does not, or is too short to count.

        The quote is looked for as it is, and failing that as parts joined by ellipses, which must stand
        in the passage in order and without overlap, one span for each. Punctuation at either end of the
        quote or of a part need not be in the passage; the span takes it in where it is.
        """
        return tuple([span for segment in self.look_up(quote) if segment.verified for span in segment.spans])

    def look_up(self, quote: str) -> tuple[Segment, ...]:
        """The quote as segments that say what was found of it.

        That is one segment, but for a quote that counts and whose parts, joined by ellipses, stand apart in the
        passage: then each part is a quote, and what joins them is prose.
        """
        tokens = list(_tokens(quote))
        split = [part for part in _split(tokens) if any(letters(token) for token, _ in part)]
        if not split:
            return (Segment(quote, True, short=True),)
        least, words = self._min_length * len(split), 0  # where an ellipsis is the passage's own, it joins as well
        parts = self._locate([tokens])
        if parts is None and len(split) > 1:
            least, words = self._min_length, PART_WORDS
            parts = self._locate(split)
        if parts is None:
            return (Segment(quote, True),)
        if any(part.letters < least or part.words < words for part in parts):
            spans = tuple([self._span(part) for part in parts])
            return (Segment(quote, True, spans, quoted_source(self._passage, spans), short=True),)
        segments: list[Segment] = []
        for number, part in enumerate(parts):
            start = part.written[0] if number else 0
            end = part.written[1] if number < len(parts) - 1 else len(quote)
            if number:
                segments.append(Segment(quote[parts[number - 1].written[1] : start]))
            spans = (self._span(part),)
            segments.append(Segment(quote[start:end], True, spans, quoted_source(self._passage, spans)))
        return tuple(segments)

    def _span(self, part: _Part) -> Span:
        return self._spans[part.start][0], self._spans[part.end - 1][1]

    def _locate(self, parts: Sequence[Sequence[tuple[str, Span]]]) -> list[_Part] | None:
        """Where the parts stand in the passage, in order; None unless all do. Each has a letter."""
        found: list[_Part] = []
        done = 0  # taking the first place for each part leaves the most room for the next
        for part in parts:
            lengths = [letters(token) for token, _ in part]
            first, last = 0, len(part)
            while first < last and not lengths[first]:
                first += 1
            while first < last and not lengths[last - 1]:
                last -= 1
            codes = [self._codes.get(token) for token, _ in part[first:last]]
            if None in codes:
                return None
            start = self._coded.find("".join(code for code in codes if code), done)
            if start < 0:
                return None
            end = start + len(codes)
            joints = sum(token == _JOINT for token, _ in part[first:last])
            words = sum(map(bool, lengths)) - joints
            while first > 0 and start > done and self._coded[start - 1] == self._codes.get(part[first - 1][0]):
                first, start = first - 1, start - 1
            while last < len(part) and self._coded[end : end + 1] == self._codes.get(part[last][0]):
                last, end = last + 1, end + 1
            place = _Part(start, end, (part[first][1][0], part[last - 1][1][1]), sum(lengths), words)
            found[-1:] = self._joined(found[-1], place) if found else [place]
            done = end
        return found

    def _joined(self, before: _Part, after: _Part) -> list[_Part]:
        """Both parts; one where nothing but an ellipsis stands between them in the passage as well."""
        between = self._coded[before.end : after.start]
        if len(between) < _ELLIPSIS or between.strip(self._codes.get(".", "")):
            return [before, after]
        written = before.written[0], after.written[1]
        return [_Part(before.start, after.end, written, before.letters + after.letters, before.words + after.words)]

    def check(self, speech: str, readable: Callable[[], Iterable[str]] = tuple) -> tuple[Segment, ...]:
        """Split a speech with `parse` and look up each of its quotes, as `verify` does."""
        return self.verify(parse(speech), readable)

    def verify(self, segments: Iterable[Segment], readable: Callable[[], Iterable[str]] = tuple) -> tuple[Segment, ...]:
        """The segments of a parsed speech with each of its quotes looked up, marked or not.

        Prose that gives a quotation without our tags (see `unmarked_quotations`) of what is absent is flagged as
        ``misquotes``. ``readable`` makes the texts that everyone may read, question and answers say: to repeat them in
        quotation marks claims nothing about the passage.
        """
        segments = list(segments)
        false = self._misquoted(segments, readable)
        checked: list[Segment] = []
        done = 0
        for segment in segments:
            start, done = done, done + len(segment.text)
            if segment.quoted:
                checked += self.look_up(segment.text)
            elif any(begin < done and start < end for begin, end in false):
                checked.append(replace(segment, misquotes=True))
            else:
                checked.append(segment)
        return tuple(checked)

    def _misquoted(self, segments: Sequence[Segment], readable: Callable[[], Iterable[str]]) -> list[Span]:
        """Where, in the speech without the tags of its quotes, a quotation stands that the passage does not hold."""
        text = "".join([segment.text for segment in segments])
        false = []
        page: QuoteChecker | None = None
        for start, end in unmarked_quotations([(segment.text, segment.quoted) for segment in segments]):
            if self._holds(text[start:end]):
                continue
            page = page or QuoteChecker("\n".join(readable()))
            if not page._holds(text[start:end]):
                false.append((start, end))
        return false

    def _holds(self, quotation: str) -> bool:
        return all(part.state != "absent" for part in self.look_up(quotation) if part.quoted)


def quoted_source(passage: str, spans: Sequence[Span]) -> str:
    """The passage's own words at ``spans``, on one line."""
    return " … ".join([" ".join(passage[start:end].split()) for start, end in spans])


_FORGED = re.compile(f"<(?={GAP}(?:[vus]{GAP})?{QUOTE})")


def neutralise(text: str) -> str:
    """Rewrite what a player wrote so that nothing in it looks like a quote tag, ours or a debater's.

    Only the opening bracket of such a tag is changed, to ``(``. Look-alike brackets and letters, accents, white
    space, underscores and invisible characters within the tag do not hide it.
    """
    if not may_open_tag(text):
        return text
    looks = text.translate(LOOKS)
    pieces: list[str] = []
    done = 0
    for match in _FORGED.finditer(looks):
        pieces += (text[done : match.start()], "(")
        done = match.end()
    return "".join((*pieces, text[done:]))


_TAGS = {"verified": "v_quote", "short": "s_quote", "absent": "u_quote"}


def render(segments: Iterable[Segment], show: Show = "all") -> str:
    """Write a checked speech as the judge reads it.

    - ``all``: the speech, with ``<v_quote>`` around verified quotes, ``<s_quote>`` around those that are too short to
      count, and ``<u_quote>`` around absent ones.
    - ``quotes``: the verified quotes alone, one a line.
    - ``arguments``: the speech with ``[quote]`` in the place of each quote.
    - ``verified``: as ``all`` if no quote is absent, in whatever marks it was given, and so if there is no quote; else
      nothing.

    A verified quote is given in the passage's words, so that no change that the check forgives (of case,
    say) reaches the judge as the passage's. All text is put through `neutralise`.
    """
    if show not in get_args(Show):
        raise ValueError(f"show must be one of {get_args(Show)}, not {show!r}")
    segments = list(segments)
    if show == "quotes":
        return "\n".join(neutralise(s.source or " ".join(s.text.split())) for s in segments if s.verified)
    if show == "verified" and any(s.misquotes or (s.quoted and s.state == "absent") for s in segments):
        return ""
    pieces: list[str] = []
    for quoted, run in groupby(segments, lambda s: s.quoted):
        if not quoted:  # in one piece, or a tag could be put together from two
            pieces.append(neutralise("".join(s.text for s in run)))
        elif show == "arguments":
            pieces.extend("[quote]" for _ in run)
        else:
            for s in run:
                tag = _TAGS[s.state]
                pieces.append(f"<{tag}>{neutralise(s.source if s.verified else s.text)}</{tag}>")
    return "".join(pieces)
