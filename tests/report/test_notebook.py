"""What a notebook and a terminal show of records and evaluations: short, and nothing that a player wrote is markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from evaluation_games import HOSTILE, Questions, play, solve

from oversight_envs.core.record import Record
from oversight_envs.evaluation import Evaluation
from oversight_envs.protocols import Debate


class Frames(HTMLParser):
    """Collects the elements of a page, and what stands in its frames."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inner = ""
        self.sandboxed = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "iframe":
            self.inner, self.sandboxed = dict(attrs)["srcdoc"] or "", ("sandbox", None) in attrs


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return play(Debate(scratchpad=True), Questions(2), {"q0": 1.0, "q1": 0.0}, [HOSTILE + "</iframe><b>\x1b[31m"])


def test_a_notebook_shows_episodes_in_a_frame_that_nothing_leaves(records: list[Record]) -> None:
    plain = play(Debate(scratchpad=True), Questions(2), {"q0": 1.0, "q1": 0.0}, ["Fine."])
    for shown, clean in ((records[0], plain[0]), *((Evaluation({"debate": r}) for r in (records, plain)),)):
        outer = Frames(shown._repr_html_() or "")
        assert outer.tags == ["iframe"]
        assert outer.sandboxed
        tags = Frames(outer.inner).tags
        expected = Frames(Frames(clean._repr_html_() or "").inner).tags
        for tag in ("script", "b", "img", "iframe", "article"):
            assert tags.count(tag) == expected.count(tag), tag
        assert "Content-Security-Policy" in outer.inner
        assert "alert(&#x27;x&#x27;)" in outer.inner


def test_without_the_extra_a_notebook_shows_text(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    assert records[0]._repr_html_() is None
    assert Evaluation({"debate": records})._repr_html_() is None


def test_what_is_printed_is_short(records: list[Record]) -> None:
    assert repr(records[0]) == "<Record debate on questions/all, question 'q0': judge_0 73% for 'the sister' (right)>"
    assert repr(records[1]) == "<Record debate on questions/all, question 'q1': judge_0 is undecided>"
    assert str(records[0]).splitlines() == [
        "debate on questions/all, question 'q0'",
        "  Who has the mill, version 0?",
        "  debater_0 for 'the miller': 18 words",
        "  debater_1 for 'the sister': 18 words",
        "  judge_0 73% for 'the sister' (right)",
        "  rewards: debater_0 -1.00, debater_1 +1.00, judge_0 -0.31",
    ]
    solved = solve(lambda solution: 1.0, ["Answer: " + "1" * 500])
    assert len(repr(solved[0])) < 250
    evaluation = Evaluation({"debate": records, "blind": records}, name="debate on questions")
    assert repr(evaluation) == "<Evaluation debate on questions: episodes debate 2, blind 2>"
    assert str(evaluation).splitlines() == [
        "debate on questions",
        "  debate: 2 episodes on 2 questions; accuracy 75% [20%, 97%] (chance 50%)",
        "  blind: 2 episodes on 2 questions; accuracy 75% [20%, 97%] (chance 50%)",
        "  gain over blind: +0 points",
    ]
    assert "helpful_0 right" in str(Evaluation({"prover_verifier": solved}))
