"""One round: when its stages end."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_prover_verifier import small

from oversight_envs.training import read_metrics
from oversight_envs.training.recipes.prover_verifier import measures


def test_provers_stop_once_sneaky_solutions_convince(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "reference_score", lambda marks: -100.0)
    settings = {"stop": "convincing", "prover_steps": 9, "attack_steps": 0, "rounds": 1, "compare": ()}
    small(tmp_path, **settings).run()
    lines = [line for line in read_metrics(tmp_path) if "provers/reward" in line]
    assert [line["step"] for line in lines] == [5, 6, 7, 8, 13]  # the last step counts for those left out
