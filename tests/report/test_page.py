"""A record as a page: what is shown of it."""

from __future__ import annotations

from evaluation_games import HOSTILE, PASSAGE, Questions, play

from oversight_envs.protocols import Debate
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
    assert "On Monday" in bubbles[0].runs[1].hint
    assert "shh" in bubbles[0].private
    assert "shh" not in "".join(p.text for p in bubbles[0].runs)
    assert "".join(p.text for p in shown.passage) == PASSAGE
    assert [p.style for p in shown.passage] == ["", "contested", ""]
    assert [(bar.option, bar.right) for bar in decided.judgment.bars if bar.probability > 0.5] == [("the sister", True)]
    assert shown.others == {"blind": 0.25}
    assert set(shown.tags) == {"all", "right", "unverified"}
