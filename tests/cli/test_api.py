"""Models behind servers on the command line: said before, kept, stopped at a limit, gone on with, free again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from api_server import MODEL, api_server
from command_line import call, fails, on

pytest.importorskip("openai")


def test_an_evaluation_at_a_server(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    prices = tmp_path / "prices.toml"
    prices.write_text(f'["{MODEL}"]\ninput = 10\noutput = 100\n')
    with api_server() as server:
        about = ["evaluate", "debate", *on(data), "--model", server.spec, "--questions", "3", "--prices", str(prices)]
        dry = call(*about, "--dry-run").output
        assert server.requests == []
        assert "what it would take" in dry
        assert not Path("runs").exists()
        run = [*about, "--out", str(tmp_path / "run"), "--max-new-tokens", "20", "--concurrency", "1"]
        fails(*run[:-6], "--out", str(tmp_path / "x"), "--max-cost", "1", "--prices", str(data), says="prices=")
        fails(*run, "--max-cost", "0.02", says="what is finished is kept; to go on, give a larger max_cost")
        finished = (tmp_path / "run" / "debate.jsonl").read_text().count("\n")
        assert 1 <= finished < 3
        server.fault = lambda number, body: "500" if number % 4 == 0 else None
        shown = call(*run, "--max-cost", "10").output
        assert "what it took" in shown
        assert f"{MODEL} ({MODEL}-v2)" in shown
        assert len(server.served) == 3 * 3 + 3 + 3  # debate, blind, expert: every call once, whatever was stopped
        usage = json.loads((tmp_path / "run" / "summary.json").read_text())["usage"]
        assert set(usage) == {"debate", "blind", "expert"}
        known = len(server.requests)
        again = call(*run, "--fresh").output
        assert len(server.requests) == known  # from the cache
        results = [[line for line in out.splitlines() if "/3, " not in line] for out in (shown, again)]
        table = [lines[:12] for lines in results]
        assert table[0] == table[1]


def test_what_is_wrong_at_the_server_is_one_line(data: Path, tmp_path: Path) -> None:
    with api_server() as server:
        about = ["evaluate", "debate", *on(data), "--questions", "2", "--model"]
        wrong, right = (["--out", str(tmp_path / name)] for name in ("wrong", "right"))
        fails(*about, f"openai:nothing@{server.url}", *wrong, says=f"it has {MODEL}")
        fails(*about, f"openai:{MODEL}@{server.url[:-3]}", *wrong, says="answer under /v1")
        fails(*about, server.spec, *right, "--max-cost", "1", says=f"no price of '{MODEL}' is known")
        server.logprobs = False
        fails(*about, server.spec, *right, says=f"(stated:{server.spec})")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "answers.sqlite").write_text("no database " * 500)
        fails(*about, server.spec, "--out", str(tmp_path / "other"), says="answers.sqlite can't be used")
