"""The legibility reproduction from run to table, with the shipped models in place of its own."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from oversight_envs.models.tiny import weights_folder

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]

TINY = {
    "verifier_problems": 16, "prover_problems": 8, "held_out": 6, "verifier_steps": 2, "verifier_pairs": 4,
    "prover_steps": 1, "batch": 4, "samples": 2,
}  # fmt: skip


def test_runs_are_measured_and_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    main: Any = importlib.import_module("reproduce_legibility")
    runs: Any = importlib.import_module("reproduction.legibility_runs")
    monkeypatch.setattr(runs, "SHAPE", {**runs.SHAPE, **TINY})
    models = tmp_path / "models"
    models.mkdir()
    for name, shipped in (("prover", "prover"), ("verifier", "verifier"), ("translator", "prover")):
        (models / name).symlink_to(weights_folder(f"arithmetic-{shipped}"))
    played = {(name, 1): main.games(tmp_path, name, own, 1) for name, own in main.CONDITIONS.items()}
    for job in played.values():
        runs.play(job.folder, *job.arguments)
    translated = {(main.DECOUPLED, 1): main.translations(tmp_path, 1)}
    for job in translated.values():
        runs.play_translator(job.folder, *job.arguments)
    results = main.Results.read(main.folders(played), main.folders(translated))
    assert len(results.rows) == 2 * 2 * len(played) + 2
    base = [row for row in results.rows if row["when"] == "base" and row["role"] == "helpful"]
    assert len({row["right"] for row in base}) == 1  # the same problems and solutions in all conditions
    compared = {"game": main.GAME, "control": main.CONTROL, "free": main.FREE, "decoupled": main.DECOUPLED}
    text = main.table(results, main.Results([]), main.REGISTERED, compared, {})
    assert "1. Legibility rises under `game`: **not shown**" in text  # a single seed has no interval
    assert "nan" not in text.lower()
