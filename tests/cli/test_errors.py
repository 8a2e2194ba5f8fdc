"""Bad input is one line that says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import DRY, call, fails, on

import oversight_envs


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
        (
            ["play", "debate", *DRY, "--human", "judge_0"],
            "--judge oracle: no role is left for it beside --human",
        ),
        (["play", "debate", "--judge", "oracle", "--agent", "judge_0=human"], "beside --agent judge_0=human"),
        (["play", "debate", "--agent", "scripted:x", "--agent", "scripted:y"], "write ROLE=scripted:y"),
        (["play", "debate", "--agent", "debater_0=human", "--human", "debater_0"], "also as --human debater_0"),
        (["play", "debate", *DRY, "--human", "debater_0", "--human", "debater_1"], "no role is left for it"),
        (["play", "debate", *DRY, "--model", "org/name"], "--model org/name: no role is left for it"),
        (["play", ":a:[b]:Game"], ":a:[b]:Game"),
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


@pytest.mark.parametrize("program", ["import sys; sys.path.pop(0); from oversight_envs.cli import main; main()", None])
def test_a_game_in_the_working_directory_is_found(program: str | None, tmp_path: Path) -> None:
    (tmp_path / "my_game.py").write_text(
        "from oversight_envs.protocols import Debate\n\nclass Mine(Debate):\n    pass\n"
    )
    command = [
        sys.executable,
        *(["-c", program] if program else ["-m", "oversight_envs"]),
        "play",
        "my_game:Mine",
        *DRY,
    ]
    path = {"PYTHONPATH": str(Path(oversight_envs.__file__).parents[1])}
    result = subprocess.run(command, cwd=tmp_path, env=os.environ | path, capture_output=True, text=True)
    assert "judge_0 decides" in result.stdout, result.stderr


def test_the_version_is_told() -> None:
    assert call("--version").output == f"oversight-envs {oversight_envs.__version__}\n"
