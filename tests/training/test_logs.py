"""Logs of what was measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from oversight_envs.training import MetricsLog, read_metrics


def test_a_log_has_each_step_once(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        for step in range(1, 6):
            log.write(step, {"reward": step / 10, "odd": math.nan})
        with pytest.raises(ValueError, match="steps must rise"):
            log.write(5, {})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 6, "rew')  # cut short by a kill
    with MetricsLog(tmp_path, after=3, tensorboard=False) as log:
        log.write(4, {"reward": 4.0})
    lines = list(read_metrics(tmp_path))
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[0] == {"step": 1, "reward": 0.1, "odd": None}
    assert lines[3]["reward"] == 4.0
    pytest.importorskip("tensorboard")
    assert list(tmp_path.glob("events.out.tfevents.*"))
