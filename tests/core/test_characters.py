"""No look-alike of our marks gets through: every character of every mark replaced by all that resembles it."""

from __future__ import annotations

import re
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.characters import _OPENING_BRACKET, LOOKS, may_open_tag
from oversight_envs.core.quotes import neutralise

MARKS = ["<quote>", *(f"<{slash}{kind}_quote>" for slash in ("", "/") for kind in "vus")]
CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


def plain(char: str) -> str:
    """Without accents and case, as Unicode decomposes it."""
    return "".join(c for c in unicodedata.normalize("NFKD", char) if unicodedata.category(c)[0] != "M").casefold()


ALIKE: dict[str, list[str]] = {}
for character in CHARACTERS:
    for look in {plain(character), LOOKS[ord(character)]} & set("</_vusqote"):
        ALIKE.setdefault(look, []).append(character)
# From the confusables of Unicode Technical Standard 39, beside the table, and what sets apart or is not seen.
ALIKE["o"] += "\u0c02\u0c82\u0d02\u0d82"
INSERTED = [c for c in CHARACTERS if c.isspace() or unicodedata.category(c) in ("Mn", "Me", "Cf", "Cc", "Pc", "Pd")]
INSERTED = [c for c in INSERTED if LOOKS[ord(c)] not in "</vusqote"]


def test_no_mark_with_one_character_replaced_gets_through() -> None:
    forged = [
        mark[:place] + other + mark[place + 1 :]
        for mark in MARKS
        for place, ours in enumerate(mark[:-1])
        for other in ALIKE[ours]
    ]
    assert len(forged) > 7_000
    assert [text for text in forged if neutralise(text) == text] == []


@given(
    st.sampled_from(MARKS), st.lists(st.tuples(st.integers(1, 6), st.sampled_from(INSERTED)), min_size=1, max_size=4)
)
def test_no_mark_with_something_put_in_gets_through(mark: str, inserted: list[tuple[int, str]]) -> None:
    for place, char in inserted:
        mark = mark[:place] + char + mark[place:]
    assert neutralise(mark) != mark


@given(st.sampled_from(MARKS), st.data())
def test_no_mark_with_every_character_replaced_gets_through(mark: str, data: st.DataObject) -> None:
    forged = "".join(data.draw(st.sampled_from(ALIKE[char])) for char in mark[:-1])
    assert re.search("^[(]", neutralise(forged))


def test_the_opening_brackets_are_all_that_look_like_one() -> None:
    assert [c for c in CHARACTERS if may_open_tag(c) != (LOOKS[ord(c)] == "<")] == []
    assert _OPENING_BRACKET.match("<")
