"""The example plays, and plays again for nothing."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from api_server import api_server

pytest.importorskip("openai")


def test_the_example_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "api_debate.py"))["main"]
    with api_server() as server:
        server.words = lambda body: "Answer: A: 0.7, B: 0.3"
        for _ in range(2):
            main([server.spec, "--questions", "2", "--out", str(tmp_path)])
            assert len(server.requests) == 2 * 4
    assert capsys.readouterr().out.count("judge_0 test-model: 4 calls") == 2
