"""The debate reproduction: what it counts and measures with, and its table from runs too short to show anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_debate import SMALL

from oversight_envs.agents import ScriptedAgent
from oversight_envs.tasks.stories import Stories
from oversight_envs.training.recipes.debate.tiny import mixed_lines, tiny_debate

pytestmark = pytest.mark.usefixtures("reproduction", "one_thread")
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def reproduction(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("reproduction", "reproduce_debate")]:
        del sys.modules[name]


def test_ceilings_are_known_where_debaters_give_everything_or_nothing_away() -> None:
    from reproduction.debate_ceilings import ceilings

    questions = Stories("validation").sample(1200)

    def found(supported: tuple[float, ...], unsupported: tuple[float, ...]) -> dict[str, Any]:
        script = mixed_lines(questions, supported=supported, unsupported=unsupported)
        return ceilings(ScriptedAgent(script), questions)

    # the best lines, and else a made-up one: of two true lines the later one by then is right, a made-up one is wrong
    open_book = found((1, 0, 0, 0), (0, 0, 0, 1))
    assert open_book["both"].value > 0.99
    assert open_book["lines"].value < 0.98  # what was made up can look like the later line
    blind = Stories("validation").blind_ceiling()
    assert blind + 0.03 < open_book["marks"].value < 0.95
    made_up = found((0, 0, 0, 1), (0, 0, 0, 1))
    assert all(made_up[seen].high > blind - 0.01 and made_up[seen].low < blind + 0.01 for seen in ("marks", "both"))


def test_the_table_has_no_undefined_number(tmp_path: Path) -> None:
    from reproduce_debate import CONDITIONS
    from reproduction.debate_figures import draw
    from reproduction.debate_results import CEILINGS, COUNTS, LEARN, MADE_UP, ORACLES, Results
    from reproduction.debate_table import table
    from reproduction.kept import keep_found

    small = SMALL | {"evaluations": 3, "held_out": 6, "questions": 36}  # measured after steps 0, 3 and 6
    whole = tmp_path / "whole"
    tiny_debate(whole, **small, best_of=COUNTS, best_of_questions=3, seen=6).run()
    oracle = json.loads((whole / "evaluations.jsonl").read_text().splitlines()[-1])["convincingness"]
    lines = {"oracle: best line": oracle | {"value": 0.6}, "oracle: line search": oracle}
    keep_found(whole / ORACLES, lambda: lines, ())
    ceiling = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 5}
    seen = dict.fromkeys(("marks", "lines", "both"), ceiling)
    keep_found(tmp_path / CEILINGS, lambda: dict.fromkeys(CONDITIONS, seen), ())
    results = Results.read({(name, seed): whole for name in CONDITIONS for seed in range(2)}, tmp_path)
    text = table(results, {"questions": 24, "held_out": 6}, draw(results, tmp_path, "reproduce_debate"))
    assert LEARN in text
    assert MADE_UP in text
    for word in ("nan", "undefined", "None"):
        assert word not in text
    assert len(list(tmp_path.glob("reproduce_debate_*.png"))) == text.count(".png)") == 7
