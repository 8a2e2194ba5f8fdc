"""The example that trains SmolLM2, with tiny models in its place."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]


def example() -> Any:
    path = Path(__file__).parents[2] / "examples" / "train_smollm2.py"
    spec = importlib.util.spec_from_file_location("train_smollm2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SMALL = ["--steps", "2", "--batch", "2", "--samples", "2", "--held-out", "2", "--lora", "2", "--max-new-tokens", "8"]


def test_the_example_trains_debaters(tmp_path: Path) -> None:
    options = ["debate", "--task", "stories", "--model", "tiny-stories-debater", "--out", str(tmp_path), *SMALL]
    module = example()
    evaluations = module.build(module.parse([*options, "--passage-tokens", "30"])).run()
    assert [evaluation["step"] for evaluation in evaluations] == [0, 2]


def test_the_example_trains_provers_and_verifiers(tmp_path: Path) -> None:
    options = ["prover-verifier", "--task", "arithmetic", "--task-option", "style=chain", "--rounds", "2"]
    options += ["--model", "tiny-arithmetic-prover", "--verifier-problems", "40", "--out", str(tmp_path), *SMALL]
    module = example()
    rounds = module.build(module.parse([*options, "--max-new-tokens", "48"])).run()
    assert [found["round"] for found in rounds] == [-1, 0, 1]


def test_the_example_trains_students_of_a_weak_judge(tmp_path: Path) -> None:
    options = ["weak-to-strong", "--task", "stories", "--model", "tiny-stories-judge", "--debates", "0", "2", *SMALL]
    module = example()
    run = module.build(module.parse([*options, "--strong", "tiny-stories-debater", "--out", str(tmp_path)]))
    rows = run.run()
    assert [row["debates"] for row in rows] == [0, 2]
    assert rows[0]["soft"]["n"] == 2
