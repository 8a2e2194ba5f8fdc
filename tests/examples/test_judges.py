"""The examples of judges run as they stand, and are short."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from api_server import api_server, digest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
    monkeypatch.setattr("sys.argv", [str(path), *arguments])
    runpy.run_path(str(path))


def test_a_debate_behind_servers_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    with api_server() as server:
        server.words = lambda body: "I weigh both.\nAnswer: A: 0.7, B: 0.3"
        for _ in range(2):
            run("api_debate", [server.spec, "--questions", "2", "--out", str(tmp_path)], monkeypatch)
            assert len(server.requests) == 2 * 4
    shown = capsys.readouterr().out
    assert shown.count("judge_0 test-model: 4 calls") == 2
    assert shown.count("the judge thought: I weigh both.") == 4


def test_a_panel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("panel", [], monkeypatch)
    right = re.findall(r"(.*): right in (\d+) of 60 debates", capsys.readouterr().out)
    assert [name for name, _ in right] == ["tiny-stories-judge", "tiny-stories-heldout", "the panel"]
    assert all(int(count) > 36 for _, count in right)


def test_best_of_eight_by_a_ranking(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai")

    def words(body: dict[str, Any]) -> str:
        labels = re.findall("^Answer ([A-Z]):$", body["messages"][-1]["content"], re.MULTILINE)
        return f"Answer: {' > '.join(labels)}" if labels else f"I count.\nAnswer: {digest(body)}"

    with api_server() as server:
        server.words = words
        run("best_of_ranking", [server.spec, f"ranking:{server.spec}"], monkeypatch)
        asked = [body["messages"][-1]["content"].count("\nAnswer ") for body in server.requests]
    assert len(asked) == 4 * (1 + 8 + 1)
    assert sorted(asked)[-5:] == [0, 8, 8, 8, 8]
    assert "best of 8: 0 of 4 right" in capsys.readouterr().out
