"""The file of episodes survives kills and full disks, and refuses what is not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oversight_envs import Record, Task
from oversight_envs.judges import CallableJudge
from oversight_envs.play import StoreError, read_episodes, rollout
from oversight_envs.protocols import Consultancy, Debate
from oversight_envs.testing import Puppet

PUPPETS = dict.fromkeys(Debate.roles, Puppet())


def plain(records: Sequence[Record]) -> list[str]:
    return [replace(record, timings={}).to_json() for record in records]


SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[2])
from small_tasks import Things
from oversight_envs.protocols import Debate
from oversight_envs.play import rollout
from oversight_envs.testing import Puppet

class Slow(Puppet):
    def decide(self, cases):
        print("judging", flush=True)
        time.sleep(0.02)
        return super().decide(cases)

rollout(Debate(), Things(), dict.fromkeys(Debate.roles, Slow()), samples=50, seed=3, path=sys.argv[1],
        concurrency=2)
print("finished", flush=True)
"""


def test_kill_and_resume_loses_and_repeats_nothing(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "run" / "episodes.jsonl"
    command = [sys.executable, "-c", SCRIPT, str(path), str(Path(__file__).parents[1])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    while not path.exists() or path.read_bytes().count(b"\n") < 20:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"schema":1,"protocol":"deb')  # the line that the kill cut short
    finished = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = path.read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    assert after.startswith(whole)
    assert whole.count(b"\n") + 2 * finished.count("judging") >= 200 > finished.count("judging") * 2
    slow = type("Slow", (Puppet,), {})  # the same name, so the same description
    expected = rollout(Debate(), things, dict.fromkeys(Debate.roles, slow()), samples=50, seed=3)
    assert sorted(plain(list(read_episodes(path)))) == sorted(plain(expected))
    players = dict.fromkeys(Debate.roles, slow())
    assert plain(rollout(Debate(), things, players, samples=50, seed=3, path=path)) == plain(expected)
    assert path.read_bytes() == after  # nothing was played again


def test_interruption_keeps_what_is_finished(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"

    class Interrupted(Puppet):
        calls = 0

        def decide(self, cases: Any) -> Any:
            Interrupted.calls += 1
            if Interrupted.calls == 3:
                raise KeyboardInterrupt
            return super().decide(cases)

    players = {"debater_0": Puppet(), "debater_1": Puppet(), "judge_0": Interrupted()}
    with pytest.raises(KeyboardInterrupt):
        rollout(Debate(), things, players, path=path, concurrency=1)
    assert len(list(read_episodes(path))) == 2
    assert len(rollout(Debate(), things, players, path=path)) == 4


def test_files_of_other_runs_and_damaged_files_are_refused(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    rollout(Debate(), things, PUPPETS, path=path)
    for protocol, players in (
        (Debate(rounds=2), PUPPETS),
        (Consultancy(), dict.fromkeys(Consultancy().roles, Puppet())),
        (Debate(), PUPPETS | {"judge_0": CallableJudge(log_odds=lambda case: 0.0)}),
    ):
        with pytest.raises(StoreError, match="holds episodes with another"):
            rollout(protocol, things, players, path=path)
    changed = [replace(question, text="Another question?") for question in things]
    with pytest.raises(StoreError, match="with another text"):
        rollout(Debate(), things, PUPPETS, questions=changed, path=path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "garbage\n", *lines[1:]]))
    with pytest.raises(ValueError, match=r"episodes.jsonl, line 2"):
        rollout(Debate(), things, PUPPETS, path=path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a file-size limit per process")
def test_a_full_disk_keeps_whole_lines_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
    )
    command = [sys.executable, "-c", limited + SCRIPT, str(path), str(Path(__file__).parents[1])]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "finished episodes are kept" in failed.stderr
    kept = len(list(read_episodes(path)))
    assert kept > 0
    assert path.read_bytes().endswith(b"\n")
    assert f"{kept} finished episodes" in failed.stderr
