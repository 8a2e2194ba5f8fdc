"""Models behind servers on the command line: said before, kept, stopped at a limit, gone on with, free again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_server import MODEL, api_server
from command_line import call, fails, on

from oversight_envs.evaluation import Evaluation
from oversight_envs.play import failed_path, read_episodes

pytest.importorskip("openai")


def test_an_evaluation_at_a_server(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.chdir(tmp_path)  # wherever the tests are run, there may be a folder runs
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


def fails_on(question: str) -> Any:
    return lambda number, body: "500" if question in str(body["messages"]) else None


def test_episodes_that_fail_are_recorded_and_alone_played_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    out = tmp_path / "run"
    args = ["evaluate", "debate", *on(data), "--questions", "6", "--out", str(out), "--option", "rounds=2"]
    monkeypatch.setattr(sys, "argv", ["oversight-envs", *args])
    with api_server() as server:
        args += ["--model", server.spec]
        server.complaint = "worker\n  died \x1b[31m✓ [bold]right[/bold]"
        server.fault = fails_on("What colour, 2?")
        shown = call(*args, code=3).output
        assert "3 of 18 episodes failed and have no result:" in shown
        assert "1 in blind: judge_0: PlayerError: openai:test-model@" in shown
        assert "worker died" in shown
        assert "v [bold]right[/bold]" in shown
        assert "\x1b" not in shown
        assert "✓" not in shown
        assert f"in {out}/*.failed; to play them again: oversight-envs evaluate debate" in shown
        assert "1 of 6 episodes failed, because a player could not answer" in shown
        for name in ("debate", "blind", "expert"):
            file = out / f"{name}.jsonl"
            assert "q2" not in [record.question.id for record in read_episodes(file)]
            (failed,) = read_episodes(failed_path(file))
            assert failed.question.id == "q2"
            assert "worker" in str(failed.failed)
            assert failed.rewards == {}
        metrics = json.loads((out / "summary.json").read_text())["metrics"]
        assert [(m["episodes"], m["failed"], m["truncated"]) for m in metrics.values()] == [(6, 1, 0)] * 3
        assert [m["judges"]["judge_0"]["accuracy"]["n"] for m in metrics.values()] == [5] * 3
        assert Evaluation.load(out).metrics["debate"].failed == 1
        assert "worker" in (call("report", str(out)), (out / "report.html").read_text())[1]
        server.fault = lambda number, body: None
        before = len(server.requests)
        assert "failed" not in call(*args).output
        assert len(server.requests) - before == 4 + 1 + 1 + 1  # two rounds, and a judge in each condition
        for name in ("debate", "blind", "expert"):
            assert sorted(record.question.id for record in read_episodes(out / f"{name}.jsonl")) == [
                f"q{i}" for i in range(6)
            ]
        assert not list(out.glob("*.failed"))


def test_a_judge_that_is_gone_for_good_ends_the_run_early(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    out = tmp_path / "run"
    args = ["evaluate", "debate", *on(data), "--questions", "6", "--samples", "20", "--concurrency", "2"]
    with api_server() as server:
        server.fault = lambda number, body: "500" if "logprobs" in body else None
        result = call(*args, "--model", server.spec, "--out", str(out), code=2)
        assert "10 episodes in a row have failed" in result.stderr
        assert "worker died. What is finished is kept" in result.stderr
        assert len(list(read_episodes(failed_path(out / "debate.jsonl")))) == 10
        assert len(server.served) <= 2 * (10 + 2)  # debaters of the 120 episodes


LIMITED = """
import sys
from oversight_envs import rollout
from oversight_envs.judges import ApiLogitJudge
from oversight_envs.models.api import ApiModel

try:
    ApiModel(sys.argv[1], concurrency=97)
except ValueError as error:
    print(error)
judge = ApiLogitJudge(ApiModel(sys.argv[1], concurrency=96))
records = rollout("direct", "passages", {"judge_0": judge}, questions=12, samples=8, concurrency=96)
print(len(records), "played")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file handles")
def test_more_calls_at_once_than_file_handles_is_said_before_any_call(data: Path, tmp_path: Path) -> None:
    def limited(*args: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", 'ulimit -n 160 && exec "$@"', "sh", sys.executable, *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    with api_server() as server:
        args = ["-m", "oversight_envs", "evaluate", "debate", *on(data), "--questions", "6"]
        args += ["--model", server.spec, "--concurrency", "49"]
        refused = limited(*args, "--out", str(tmp_path / "run"))
        assert refused.returncode == 2
        says = "concurrency=49: this process may open 160 files, and each call of 2 models needs one; give at most 48"
        assert says in " ".join(refused.stderr.split())
        assert server.requests == []
        server.seconds = 0.5
        played = limited("-c", LIMITED, server.spec)
        assert "concurrency=97: this process may open 160 files, and each call needs one; give at most 96" in (
            played.stdout
        )
        assert "96 played" in played.stdout, played.stderr
        assert "nclosed" not in played.stderr
        assert server.most > 48
