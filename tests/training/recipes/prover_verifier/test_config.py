"""Configurations that make no sense are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_prover_verifier import small

from oversight_envs.training import PPOConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prover_problems": 3}, "prover_problems=3 are fewer than a batch of 4"),
        ({"verifier_pairs": 1}, "verifier_pairs=1"),
        ({"reward": "src", "samples": 1}, "reward 'src' compares at least 2"),
        ({"ppo": PPOConfig(estimator="grpo"), "samples": 1}, "compares at least 2"),
        ({"mixture": "some"}, "mixture='some'"),
        ({"reward": "nice"}, "reward='nice'"),
        ({"rounds": 0}, "rounds=0"),
        ({"cost_per_token": -1.0}, "cost_per_token=-1"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        small(tmp_path, **changes)
