"""The command line with scripted players and an oracle: no model is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from oversight_envs.cli import app
from oversight_envs.cli.cast import Cast
from oversight_envs.cli.options import parse_value
from oversight_envs.play import read_episodes

SAID = "I say so: <quote>the kettle was blue</quote> <quote>it was green</quote>"
DRY = ["--agent", f"scripted:{SAID}", "--judge", "oracle"]
PASSAGE = "All agree that the kettle was blue. [bold]Nobody[/bold] had asked the cook."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "my.jsonl"
    shared = {"options": ["blue", "green"], "passage": PASSAGE}
    rows = [{"id": f"q{i}", "question": f"What colour, {i}?", "answer": i % 2, **shared} for i in range(6)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def call(*args: str, code: int = 0, stdin: str | None = None) -> Any:
    result = CliRunner().invoke(app, list(args), input=stdin, env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


def fails(*args: str, says: str) -> None:
    """Exit code 2, one line, which says what is wrong."""
    result = call(*args, code=2)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert says in lines[0], lines[0]


def on(data: Path) -> list[str]:
    return ["--task", "jsonl", "--task-option", f"path={data}"]


def test_list_names_everything() -> None:
    shown = call("list").output
    for name in ("debate", "prover_verifier", "direct", "passages", "arithmetic", "oracle", "scripted:TEXT"):
        assert name in shown


def test_help_and_list_are_quick_and_load_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'scipy', 'matplotlib', 'sklearn', 'jinja2'}"
    code = (
        "import sys; from typer.testing import CliRunner; from oversight_envs.cli import app; "
        "r = [CliRunner().invoke(app, [a]).exit_code for a in ('--help', 'list')]; "
        f"print(r, sorted({heavy} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[0, 0] []"


def test_play_shows_sides_quotes_and_verdict(data: Path) -> None:
    shown = call("play", "debate", *on(data), *DRY, "--question", "q1", "--option", "rounds=2").output
    assert shown.count("argues for: blue") == 2
    assert "(honest)" in shown
    assert "“the kettle was blue” ✓" in shown
    assert "“it was green” ✗ not in the passage" in shown
    assert "99% " in shown
    assert "green ✓ right answer" in shown
    assert "[bold]Nobody[/bold]" in shown  # no markup in what others wrote


@pytest.mark.parametrize("game", ["consultancy", "direct", "prover_verifier"])
def test_play_other_games(game: str) -> None:
    task = [] if game == "prover_verifier" else ["--task", "stories"]
    shown = call("play", game, *task, "--agent", "scripted:Answer: 7", "--judge", "oracle").output
    assert "decides" in shown


def test_play_is_what_evaluate_plays(data: Path, tmp_path: Path) -> None:
    call("evaluate", "debate", *on(data), *DRY, "--questions", "1", "--seed", "5", "--out", str(tmp_path / "r"))
    (record,) = read_episodes(tmp_path / "r" / "debate.jsonl")
    shown = call("play", "debate", *on(data), *DRY, "--seed", "5").output
    assert record.question.id in shown
    assert record.outcome is not None
    sides = {role: record.question.options[side] for role, side in record.outcome.sides.items()}
    first = shown.split("debater_0")[1]
    assert first.index(f"argues for: {sides['debater_0']}") < first.index("debater_1")


def test_a_person_may_play_and_is_told_nothing(data: Path) -> None:
    args = ["play", "debate", *on(data), "--agent", "scripted:Hm.", "--human", "judge_0", "--question", "q0"]
    shown = call(*args, stdin="perhaps\n0.7\n").output
    before = shown.split("judge_0>")[0]
    assert PASSAGE[:20] not in before
    assert "honest" not in before
    assert "70%" in shown
    fails(*args, says="the input ended while judge_0 was to answer")
    shown = call("play", "debate", *on(data), *DRY, "--human", "debater_1", stdin="It is what I say.\n\n").output
    assert "It is what I say." in shown


def test_a_judge_that_asks_is_two_players(data: Path) -> None:
    options = ["--option", "rounds=2", "--option", "judge_asks=true"]
    assert "judge_0" in call("play", "consultancy", *on(data), *DRY, *options).output


def test_best_of_with_an_oracle(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    call(
        "evaluate", "debate", *on(data), *DRY, "--best-of", "2", "--questions", "2", "--out", str(out), "--no-baselines"
    )
    record = next(read_episodes(out / "debate.jsonl"))
    assert record.players["debater_0"]["type"] == "best_of_n"
    assert not (out / "blind.jsonl").exists()


def test_evaluate_resume_and_report(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ["evaluate", "debate", *on(data), *DRY, "--questions", "6", "--out", str(out)]
    shown = call(*args).output
    assert "100% [61%, 100%]" in shown
    assert "better than chance" in shown
    assert f"oversight-envs report {out}" in shown
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in out.glob("*.jsonl")}
    assert set(before) == {"debate.jsonl", "blind.jsonl", "expert.jsonl"}
    call(*args)
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in out.glob("*.jsonl")} == before
    fails(*args, "--option", "rounds=2", says="another config")
    fails(*args, "--agent", "scripted:other", says="another players")
    shown = call("report", str(out)).output
    assert str(out / "report.html") in shown
    assert (out / "summary.png").stat().st_size > 5_000
    html = (out / "report.html").read_text()
    assert "[bold]Nobody[/bold]" in html
    call("report", str(out / "debate.jsonl"), str(out / "blind.jsonl"), "--out", str(tmp_path / "two.html"))
    assert (tmp_path / "two.html").read_text().count("<section>") == 2


def test_evaluate_prover_verifier(tmp_path: Path) -> None:
    args = ["--agent", "scripted:Answer: 7", "--judge", "oracle", "--questions", "3", "--out", str(tmp_path / "pv")]
    shown = call("evaluate", "prover_verifier", *args).output
    assert "AUC" in shown
    assert "undefined" in shown
    assert json.loads((tmp_path / "pv" / "summary.json").read_text())["settings"]["task"]["name"] == "arithmetic"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["play", "debat"], "did you mean 'debate'"),
        (["play", "debate", "--task", "passage"], "did you mean 'passages'"),
        (["play", "debate", "--task", "no.such.module:Task"], "no.such.module:Task"),
        (["play", "debate", "--task", "jsonl"], "path"),
        (["play", "debate", "--task-option", "colour=red"], "no option 'colour'"),
        (["play", "debate", "--task-option", "options=x"], "give a whole number"),
        (["play", "debate", "--task-option", "split=tests"], "train"),
        (["play", "debate", "--option", "rounds=x"], "--option rounds=x: give a whole number"),
        (["play", "debate", "--option", "rounds=0"], "rounds=0"),
        (["play", "debate", "--option", "round=2"], "did you mean 'rounds'"),
        (["play", "debate", "--option", "turns=both"], "simultaneous, sequential"),
        (["play", "debate", "--option", "quotes=maybe"], "true or false"),
        (["play", "debate", "--option", "rounds"], "key=value"),
        (["play", "debate", "--option", "rounds=1", "--option", "rounds=2"], "given twice"),
        (["play", "debate", *DRY, "--human", "judge_1"], "its roles are debater_0, debater_1, judge_0"),
        (["play", "debate", *DRY, "--agent", "prover_0=human"], "no role 'prover_0'"),
        (["play", "debate", *DRY, "--question", "nine"], "no such id"),
        (["play", "debate", *DRY, "--reward", "winning"], "reward='winning'"),
        (["play", "debate", "--agent", "scripted:x", "--judge", "gut:feeling"], "judge='gut:feeling'"),
        (["play", "debate", "--agent", "oracle", "--judge", "oracle"], "can't speak"),
        (["play", "debate", "--agent", "scripted:x", "--judge", "scripted:x"], "can't judge"),
        (["play", "prover_verifier", "--task", "passages", *DRY], "has no checker"),
        (["play", "debate", "--task", "arithmetic", *DRY], "two answers"),
        (["evaluate", "debate", *DRY, "--questions", "4000"], "4000"),
        (["report", "no/such/folder"], "no/such/folder"),
    ],
)
def test_bad_input_is_one_line(args: list[str], says: str, tmp_path: Path) -> None:
    fails(*args, *(["--out", str(tmp_path / "r")] if args[0] == "evaluate" else []), says=says)


def test_a_malformed_file_is_named_with_its_line(data: Path, tmp_path: Path) -> None:
    with data.open("a") as file:
        file.write("{not json\n")
    fails("play", "debate", *on(data), *DRY, says="my.jsonl:7")
    fails("play", "debate", *on(tmp_path / "none.jsonl"), *DRY, says="none.jsonl")
    (tmp_path / "e.jsonl").write_text("{}\n")
    fails("report", str(tmp_path / "e.jsonl"), says="e.jsonl, line 1")


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_full_disk_is_one_line_and_what_is_finished_is_kept(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call("evaluate", "debate", *on(data), *DRY, "--questions", "1", "--out", str(out), "--no-baselines")
    room = (out / "debate.jsonl").stat().st_size * 5 // 2  # two and a half episodes
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); from oversight_envs.cli import main; main()"
    )
    args = ["evaluate", "debate", *on(data), *DRY, "--questions", "6", "--out", str(out), "--no-baselines"]
    result = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert "2 finished episodes are kept" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(list(read_episodes(out / "debate.jsonl"))) == 2
    call(*args)
    assert len(list(read_episodes(out / "debate.jsonl"))) == 6


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oversight_envs.judges import OracleJudge

    out = tmp_path / "run"
    decide, calls = OracleJudge.decide, []

    def interrupted(self: OracleJudge, cases: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return decide(self, cases)

    args = ["evaluate", "debate", *on(data), *DRY, "--questions", "6", "--concurrency", "1", "--out", str(out)]
    monkeypatch.setattr(OracleJudge, "decide", interrupted)
    monkeypatch.setattr(sys, "argv", ["oversight-envs", *args])
    result = call(*args, code=130)
    assert "3 finished episodes are kept" in result.stderr
    assert "to go on: oversight-envs evaluate debate" in result.stderr
    call(*args)
    assert len(list(read_episodes(out / "debate.jsonl"))) == 6


def test_the_demo_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oversight_envs import demo

    monkeypatch.setattr(demo, "Cast", lambda model, **_: Cast("scripted:Answer: 3", judge="oracle"))
    monkeypatch.setattr(demo, "QUESTIONS", 3)
    monkeypatch.setattr(
        demo, "DEBATE", ("questions=8", "batch=8", "held_out=4", "evaluations=2", "epochs=1", "samples=2")
    )
    few = (
        "verifier_steps=2",
        "prover_steps=1",
        "attack_steps=1",
        "probe_steps=1",
        "batch=2",
        "samples=2",
        "held_out=4",
    )
    monkeypatch.setattr(demo, "PROVERS", ("rounds=1", "verifier_problems=24", "prover_problems=4", *few))
    out = tmp_path / "demo"
    shown = call("demo", "--out", str(out)).output
    assert "near chance" in shown
    assert (out / "report.html").is_file()
    assert (out / "summary.png").is_file()
    assert len(list(read_episodes(out / "debate" / "expert.jsonl"))) == 3
    call("demo", "--out", str(out))


def test_values_are_read_as_their_types() -> None:
    assert parse_value("none", str | None) is None
    assert parse_value("x", str | None) == "x"
    assert parse_value("12", int | None) == 12
    assert parse_value("Yes", bool) is True
    assert parse_value("0.5", float) == 0.5
    with pytest.raises(ValueError, match="a whole number or none"):
        parse_value("x", int | None)


def test_train_shows_what_was_learnt_goes_on_and_refuses_another_run(tmp_path: Path) -> None:
    few = ["questions=12", "batch=6", "held_out=8", "evaluations=2", "samples=2", "epochs=1"]
    settings = [part for setting in few for part in ("--set", setting)]
    run = str(tmp_path / "run")
    first = call("train", "debate", "--out", run, *settings).output
    assert "2/2" in first
    assert "After 2 steps the judge is right on" in first
    assert call("train", "debate", "--out", run, *settings).output.split("•")[1:] == first.split("•")[1:]
    fails(
        "train", "debate", "--out", run, *settings, "--set", "ppo.kl_coef=0.5", says="kl_coef is 0.2 in the checkpoint"
    )
    fails("train", "debate", "--out", run, "--set", "question=3", says="did you mean 'questions'?")
    fails("train", "prover-verifier", "--out", run, "--set", "reward=nice", says="reward='nice'")
    page = Path(call("report", run).output.split("page: ")[1].strip())
    assert "Training: run" in page.read_text()
    assert "default-src 'none'" in page.read_text()
