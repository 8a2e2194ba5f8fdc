"""Untrusted text on a page: what a player writes never reaches the start of a line."""

from __future__ import annotations

from hostile import HOSTILE
from hypothesis import given

from oversight_envs.core.prompt import clean_text, quote_lines


@given(HOSTILE)
def test_what_a_player_writes_never_starts_a_line(text: str) -> None:
    shown = quote_lines(text)
    assert all(line.startswith("> ") for line in shown.splitlines())
    shown.encode()  # no lone surrogates
    assert clean_text(shown) == shown
