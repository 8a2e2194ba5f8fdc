"""An episode as text for people."""

from __future__ import annotations

from typing import Any

import pytest
from pettingzoo.test import render_test

from oversight_envs import debate_v0
from oversight_envs.judges import OracleJudge


def test_rendering(things: Any, oracle: OracleJudge, capsys: pytest.CaptureFixture[str]) -> None:
    render_test(lambda **options: debate_v0.env(task=things, players={"judge_0": oracle}, **options))
    assert "What about the" in capsys.readouterr().out
    with pytest.raises(ValueError, match="render_mode='rgb_array'"):
        debate_v0.env(task=things, render_mode="rgb_array")
