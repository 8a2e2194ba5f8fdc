"""Models behind servers on the command line: said before, kept, stopped at a limit, gone on with, free again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from api_server import MODEL, api_server
from command_line import call, fails, on

from oversight_envs.play import read_episodes

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


def test_long_passages_are_cut_to_the_context_that_a_name_gives(tmp_path: Path) -> None:
    file, lines = tmp_path / "long.jsonl", "\n".join(f"Day {day}: Mary moved the kettle." for day in range(1000))
    file.write_text(
        json.dumps({"question": "Where?", "options": ["here", "there"], "answer": 0, "passage": lines}) + "\n"
    )
    with api_server() as server:
        model = server.spec.replace("@", "?context_length=2000&concurrency=1&min_p=0.1@")
        about = ["evaluate", "debate", *on(file), "--model", model, "--option", "rounds=2", "--questions", "1"]
        about += ["--out", str(tmp_path / "r")]
        dry = call(*about, "--dry-run").output
        call(*about)
        sizes = [sum(len(message["content"]) for message in body["messages"]) for body in server.requests]
        assert 1000 * 3 < max(sizes) < 2000 * 3
        assert {body["min_p"] for body in server.requests} == {0.1}
        assert server.most == 1
        (record,) = read_episodes(tmp_path / "r" / "debate.jsonl")
        assert record.question.metadata["passage_cut"] == len(lines)
        tokens = [
            int(line.split("│")[6].replace(",", "")) for line in dry.splitlines() if "debate " in line and MODEL in line
        ]
        taken = [row.tokens_in for rows in record.usage.values() for row in rows]
        assert sum(taken) < sum(tokens) < 2 * sum(taken)  # of cut passages, too
        fails(
            *about, "--max-new-tokens", "1000", "--fresh", says="reads 2000 tokens, and instructions and speeches take"
        )


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
