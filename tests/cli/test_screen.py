"""What a terminal shows: our marks are ours alone, and nothing that others wrote steers the terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import RenderableType

from oversight_envs import Episode, Question, SpeakingRules, Speech
from oversight_envs.cli.errors import say, show_warning
from oversight_envs.cli.screen import question_panel, speech_panel, stdout
from oversight_envs.core.speech import Statement, make_statement
from oversight_envs.env.render import describe, written
from oversight_envs.play import queue as play
from oversight_envs.protocols import Debate

PASSAGE = "It was here, they say, and Dahl knew."
ESCAPES = "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b31m\x90q\x9c\x08\r\u202e\x7f"


def plain(panel: RenderableType) -> str:
    """The panel as a terminal without colour gets it."""
    console = stdout()
    console.file, console.width = io.StringIO(), 200
    console.print(panel)
    return console.file.getvalue()


def statement(text: str) -> Statement:
    rules = SpeakingRules(quotes=True, scratchpad=True)
    return make_statement(Speech(text), rules, PASSAGE, role="debater_0", turn=1, index=0)


def test_a_quote_is_shown_with_what_was_found() -> None:
    said = "<quote>IT WAS here</quote>, <quote>it was there</quote>, <quote>Dahl</quote>"
    shown = plain(speech_panel(statement(said), "here", None))
    assert "“It was here” ✓, “it was there” ✗ not in the passage, “Dahl” (too short to count)" in shown
    assert "1 of 3 quotes not in the passage · 1 of 3 quotes too short to count" in shown


def test_what_its_speaker_told_of_a_speech_is_shown() -> None:
    assert "cut at the token limit" in plain(speech_panel(statement("It was"), "here", None, info={"finished": False}))
    assert "cut at the token limit" not in plain(
        speech_panel(statement("It was."), "here", None, info={"finished": True})
    )
    episode = Episode(Debate(), asked("?"), 0)
    for role, info in (("debater_0", {"refused": True}), ("debater_1", {"finished": False})):
        episode.answer(next(ask for ask in episode.asks if ask.role == role), Speech(f"I am {role}", info=info))
    first, _, second = describe(episode).partition("I am debater_1")
    assert "(the model refused)" in first
    assert "(cut at the token limit)" in second


def test_our_own_warnings_are_a_line_and_others_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    left = []
    show = show_warning(lambda *warning: left.append(warning))
    show("said\nin two lines", UserWarning, play.__file__, 1)
    assert capsys.readouterr().err == "warning: said in two lines\n"
    show("of another library", UserWarning, np.__file__, 1)
    show("of a kind", DeprecationWarning, play.__file__, 1)
    assert [warning[0] for warning in left] == ["of another library", "of a kind"]


@pytest.mark.parametrize("mark", "✓✔☑✅🗸🗹√⍻✗✘☒❌❎✕")
def test_players_can_not_write_our_marks(mark: str) -> None:
    fake = f"“it was there” {mark}"
    said = statement(f"{fake} <quote>{fake}</quote> <quote>Dahl {mark}</quote><scratchpad>{fake}</scratchpad>{fake}")
    for shown in (plain(speech_panel(said, fake, None, fake)), plain(question_panel("g", asked(fake), passage=True))):
        assert mark not in shown.replace("✗ not in the passage", "")
    assert written("√16 = 4, √(x), \u221a{2}") == "√16 = 4, √(x), \u221a{2}"


def asked(text: str) -> Question:
    return Question(f"q{text}", f"Where? {text}", (f"here {text}", "there"), f"{PASSAGE} {text}", 0)


@given(st.text(max_size=20).map(lambda text: ESCAPES + text) | st.just(ESCAPES))
def test_no_escape_reaches_the_terminal(text: str) -> None:
    question = asked(text.encode("utf-8", "replace").decode())
    episode = Episode(Debate(), question, 0)
    for _ in range(2):
        episode.answer(episode.asks[0], f"So {text} <quote>it was here {text}</quote>")
    said = statement(f"So {text} <quote>it was there {text}</quote>")
    shown = [plain(speech_panel(said, text, None, text)), plain(question_panel("g", question, passage=True))]
    for page in (*shown, describe(episode)):
        assert not [
            char for char in page if (char < " " and char not in "\n\t") or "\x7f" <= char <= "\x9f" or char == "\u202e"
        ]


def test_an_error_that_repeats_what_a_player_said_is_clean_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"error: can't read {ESCAPES}")
    assert "\x1b" not in capsys.readouterr().err
