"""The example of each game runs as it stands, and is short."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    "name",
    ["critique", "interactive_proof", "market_making", "proposer_critic", "prover_estimator", "recursive_debate"],
)
def test_the_example_of_a_game_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40
    runpy.run_path(str(path))
    assert capsys.readouterr().out
