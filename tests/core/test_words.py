"""The word limit counts what a reader would call words, whatever stands between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.words import count_words, cut_words


@given(
    st.lists(st.sampled_from(["word", "can’t", "3.50", "$1,500", "—", "“So,”", "(a", "naïve", "हिन्दी"])),
    st.integers(1, 9),
)
def test_plain_words_are_what_spaces_part(words: list[str], limit: int) -> None:
    text = " \n".join(words)
    assert count_words(text) == len(words)
    kept = cut_words(text, limit)
    assert text.startswith(kept)
    assert kept.split() == words[:limit]


JOINTS = "\u2800\u200b\u2060\u3164\u00ad\u200d\ufeff/\\-_.,'’|·=+~&—…:;*#@\x00\ue000\U000e0001😀。"


@pytest.mark.parametrize("joint", JOINTS)
def test_words_can_not_be_joined_into_one(joint: str) -> None:
    assert cut_words(joint.join(["word"] * 5_000), 20).count("word") <= 20


@given(st.text(), st.integers(1, 20))
def test_the_kept_part_has_no_more_words_than_the_limit(text: str, limit: int) -> None:
    kept = cut_words(text * 3, limit)
    assert (text * 3).startswith(kept)
    assert count_words(kept) <= limit
    assert kept == text * 3 or count_words(kept) == limit


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("安娜说钥匙在阁楼里。", 24),  # one word a character
        ("かぎはやねうらにある", 20),
        ("กุญแจอยู่ในห้องใต้หลังคา", 160),  # four letters, and their marks
        ("whatstandswithoutaspace", 400),
        ("🙂", 20),
        ("⠓⠑⠇⠇⠕", 20),
        ("!", 420),
        (".- ", 70),
        ("a\u0301\u0301\u0301\u0301", 400),
    ],
)
def test_no_script_escapes_the_limit(text: str, most: int) -> None:
    assert 20 <= len(cut_words(text * 1_000, 20)) <= most


def test_quote_tags_are_no_words_and_whole_chunks_are_kept() -> None:
    said = "So <quote>it was here</quote>, they say."
    assert count_words(said) == 6
    assert cut_words(said, 4) == "So <quote>it was here</quote>,"
    assert cut_words(said, 1) == "So"
    assert count_words("<quote attribute with words>") == 4
    assert cut_words("and/or", 1) == "and/"
