"""A record as a page: what is shown of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from evaluation_games import HOSTILE, PASSAGE, Questions, play

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.requests import Case, Turn
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict
from oversight_envs.judges import CallableJudge, PanelJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.report.article import article
from oversight_envs.report.elements import to_html
from oversight_envs.report.page import page


def test_the_page_shows_what_happened() -> None:
    records = play(Debate(scratchpad=True), Questions(1), {"q0": 2.0}, ["<scratchpad>shh</scratchpad>" + HOSTILE])
    shown = page(records[0], {"blind": {"q0": 0.25}})
    said, (decided,) = [[s for s in shown.steps if bool(s.bubbles) == spoken] for spoken in (True, False)]
    bubbles = [bubble for step in said for bubble in step.bubbles]
    assert decided.judgment is not None
    assert decided.judgment.who == "judge_0"
    assert {b.tone for b in bubbles} == {"honest", "dishonest"}
    assert [p.style for p in bubbles[0].runs] == ["", "verified", "", "unverified", ""]
    assert "On Monday" in "".join(bubbles[0].runs[1].hint)
    assert "shh" in bubbles[0].private
    assert "shh" not in "".join(p.text for p in bubbles[0].runs)
    assert "".join(p.text for p in shown.passage) == PASSAGE
    assert [p.style for p in shown.passage] == ["", "contested", ""]
    assert [(bar.option, bar.right) for bar in decided.judgment.bars if bar.probability > 0.5] == [("the sister", True)]
    assert shown.others == {"blind": 0.25}
    assert set(shown.tags) == {"right", "verified", "unverified"}
    assert (shown.verified, shown.absent) == (2, 2)
    assert shown.sure == shown.believed == pytest.approx(0.8808, abs=1e-4)


def test_a_long_question_opens() -> None:
    (record,) = play(Debate(), Questions(1), {"q0": 1.0})
    text = "Which of these? " * 100
    html = to_html(article(page(replace(record, question=replace(record.question, text=text)))))
    assert "the whole question (1," in html
    assert html.count(text.strip()) == 1
    assert "the whole question" not in to_html(article(page(record)))


def test_a_speech_cut_by_the_token_limit_says_so() -> None:
    class Cut:
        def speak(self, turns: list[Turn]) -> list[Speech]:
            return [Speech("one two three", info={"finished": False, "reasoning": "hm"}) for _ in turns]

    judge = CallableJudge(log_odds=lambda case: 5.0)
    players = {"debater_0": Cut(), "debater_1": ScriptedAgent(["one two three"]), "judge_0": judge}
    for words, both in ((150, ("cut at the token limit",)), (2, ("cut at the word limit", "cut at the token limit"))):
        shown = page(rollout(Debate(max_words=words), Questions(1), players)[0])
        first, second = [bubble for step in shown.steps for bubble in step.bubbles]
        assert (first.flags, first.private) == (both, "hm")
        assert second.flags == both[:-1]
        assert ("cut" in shown.tags, "unfinished" in shown.tags, "sure" in shown.tags) == (words == 2, True, True)


def test_what_a_judge_keeps_stands_beside_its_verdict() -> None:
    class Thinker:
        def decide(self, cases: list[Case]) -> list[Verdict]:
            log_probs = (math.log(0.75), math.log(0.25))
            return [Verdict(log_probs, info={"thoughts": "I weigh.", "votes": [3, 1]}) for _ in cases]

    panel = PanelJudge([CallableJudge(log_odds=lambda case: 0.0), Thinker()])
    players = {"debater_0": ScriptedAgent(["a"]), "debater_1": ScriptedAgent(["b"]), "judge_0": panel}
    shown = page(rollout(Debate(), Questions(1), players)[0])
    judgment = shown.steps[-1].judgment
    assert judgment is not None
    first, second = (bar.option for bar in judgment.bars)
    told = [(note.title.split(" (")[0], note.title.split(", ")[-1], note.text) for note in judgment.notes]
    assert told[0][2] == f"50% {first}\n50% {second}"
    assert told[1][::2] == ("member 2", f"75% {first}\n25% {second}")
    assert told[2] == ("member 2", "thoughts", "I weigh.")
    assert told[3] == ("member 2", "votes", f"3 for {first}\n1 for {second}")
    html = to_html(article(page(rollout(Debate(), Questions(1), players)[0])))
    assert '<details class="notes"><summary>how it was decided</summary>' in html


def test_info_of_any_shape_is_shown_as_it_is_kept() -> None:
    (record,) = play(Debate(), Questions(1), {"q0": 1.0})
    for info in ({"members": 3}, {"members": ["<b>", {"verdict": ["x"]}]}, {"votes": [1]}, {"other": {"a": [1]}}):
        (decision,) = record.decisions
        kept = replace(decision, views=tuple(replace(view, info=info) for view in decision.views))
        judgment = page(replace(record, decisions=(kept,))).steps[-1].judgment
        assert judgment is not None
        assert judgment.notes
