"""A person at the terminal."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from oversight_envs import Episode, PlayerError, Question, Speech
from oversight_envs.agents import HumanAgent
from oversight_envs.core.players import answer_asks
from oversight_envs.play.drive import drive
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet, example_cases, example_turns


def test_a_person_plays_at_the_terminal() -> None:
    screen = io.StringIO()
    person = HumanAgent(io.StringIO("First line.\nSecond line.\n\nmaybe A\nA: 0.8\n"), screen)
    (turn, *_), (case, *_) = example_turns(), example_cases()
    assert answer_asks(person, [turn]) == [Speech("First line.\nSecond line.")]
    (verdict,) = person.decide([case])
    assert verdict.probabilities[0] == pytest.approx(0.8)
    assert "no clear decision" in screen.getvalue()
    with pytest.raises(PlayerError, match="the input ended"):
        person.decide([case])


def decide(words: str, options: tuple[str, ...]) -> list[float]:
    (case, *_) = example_cases()
    person = HumanAgent(io.StringIO(f"{words}\n"), io.StringIO())
    (verdict,) = person.decide([replace(case, options=options)])
    return [round(p, 2) for p in verdict.probabilities]


@pytest.mark.parametrize(
    ("words", "options", "first"),
    [
        ("in the  KITCHEN.", ("In the kitchen", "In the garden"), 0.99),
        ("12", ("7", "12"), 0.01),
        ("a", ("the hall", "the study"), 0.99),
        ("0.7", ("the hall", "the study"), 0.7),
        ("B", ("A", "B"), 0.01),
    ],
)
def test_an_answers_words_are_a_verdict(words: str, options: tuple[str, ...], first: float) -> None:
    assert decide(words, options)[0] == first


@pytest.mark.parametrize(("words", "options"), [("0.7", ("0.5", "0.7")), ("B", ("B", "A")), ("x", ("x", "X"))])
def test_words_that_may_mean_two_things_are_asked_again(words: str, options: tuple[str, ...]) -> None:
    with pytest.raises(PlayerError, match="the input ended"):
        decide(words, options)


def test_what_was_shown_is_not_repeated() -> None:
    screen = io.StringIO()
    person = HumanAgent(io.StringIO("Mine.\n\nMine again.\n\n"), screen)
    question = Question("q", "Where is it?", ("in the hall", "in the attic"), "It went up.", 0)
    for _ in drive([(Episode(Debate(rounds=2), question, 0), {"debater_0": person, **dict.fromkeys(REST, Same())})]):
        pass
    shown = screen.getvalue()
    assert shown.count("Where is it?") == shown.count("It went up.") == shown.count("> Not so.") == 1
    assert "[system]" not in shown


REST = ("debater_1", "judge_0")


class Same(Puppet):
    def speak(self, turns: Any) -> Any:
        return ["Not so." for _ in turns]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
def test_lines_are_edited_in_a_terminal_and_keys_do_not_enter_the_speech() -> None:
    import pty

    code = (
        "from oversight_envs.agents import HumanAgent; from oversight_envs.testing import example_turns; "
        "print('said', HumanAgent().speak(example_turns()[:1]))"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-c", code])
    out, keys = b"", [b"Helo\x1b[D\x1b[Dl\x1b[C\x1b[C, so\x7f\x7fyes\x1b[H\r", b"\r"]
    with suppress(OSError):  # the end of a pseudo-terminal
        while read := os.read(terminal, 4096):
            out += read
            while keys and out.count(b"debater_0> ") >= 3 - len(keys):
                os.write(terminal, keys.pop(0))
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, out.decode()
    assert "said ['Hello, yes']" in out.decode()
