"""The file of episodes survives kills and full disks, and refuses what is not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oversight_envs import Record, Task
from oversight_envs.core.players import FunctionSpeaker
from oversight_envs.judges import CallableJudge
from oversight_envs.play import EpisodeStore, StoreError, read_episodes, rollout
from oversight_envs.protocols import Consultancy, Debate
from oversight_envs.testing import Puppet

PUPPETS = dict.fromkeys(Debate.roles, Puppet())


def plain(records: Sequence[Record]) -> list[str]:
    return [replace(record, timings={}, players={}).to_json() for record in records]


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
    expected = rollout(Debate(), things, PUPPETS, samples=50, seed=3)
    assert sorted(plain(list(read_episodes(path)))) == sorted(plain(expected))
    slow = dict.fromkeys(Debate.roles, type("Slow", (Puppet,), {})())
    assert plain(rollout(Debate(), things, slow, samples=50, seed=3, path=path, reuse=True)) == plain(expected)
    assert path.read_bytes() == after  # nothing was played again


def test_interruption_keeps_what_is_finished(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"

    class Interrupted(Puppet):
        fingerprint = "counts its calls, which change nothing that it says"
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
        with pytest.raises(StoreError, match="played in another way"):
            rollout(protocol, things, players, path=path)
    changed = [replace(question, text="Another question?") for question in things]
    with pytest.raises(StoreError, match="with another text"):
        rollout(Debate(), things, PUPPETS, questions=changed, path=path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "garbage\n", *lines[1:]]))
    with pytest.raises(ValueError, match=r"episodes.jsonl, line 2"):
        rollout(Debate(), things, PUPPETS, path=path)


WORDING = 'judge_cue = "Which is right, {labels}?"'


def test_episodes_of_a_changed_player_are_never_taken_for_its_own(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"

    def run(words: str, **options: Any) -> list[str]:
        own = FunctionSpeaker(lambda prompt: words)
        records = rollout(Debate(), things, PUPPETS | {"debater_0": own}, path=path, **options)
        return [next(s.text for s in record.transcript if s.role == "debater_0") for record in records]

    assert set(run("It is so.")) == set(run("It is so.")) == {"It is so."}
    with pytest.raises(StoreError, match=r"another players\['debater_0'\].*reuse=True"):
        run("It is not so.")
    assert set(run("It is not so.", reuse=True)) == {"It is so."}  # as was asked for
    old = path.read_bytes()
    assert set(run("It is not so.", reuse=False)) == {"It is not so."}
    assert path.with_name("episodes.jsonl.1").read_bytes() == old


def test_a_player_that_cannot_be_identified_is_not_reused_unless_asked(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"

    class Client(Puppet):
        __slots__ = ("lock",)

        def __init__(self) -> None:
            super().__init__()
            object.__setattr__(self, "lock", threading.Lock())

    players = PUPPETS | {"judge_0": Client()}
    with pytest.warns(UserWarning, match=r"judge_0.*lock.*fingerprint"):
        first = rollout(Debate(), things, players, path=path)
    with pytest.warns(UserWarning, match="judge_0"), pytest.raises(StoreError, match="can't be told"):
        rollout(Debate(), things, players, path=path)
    with pytest.warns(UserWarning, match="judge_0"):
        assert rollout(Debate(), things, players, path=path, reuse=True) == first


def test_an_edited_wording_is_another_game(things: Task, tmp_path: Path) -> None:
    path, wording = tmp_path / "episodes.jsonl", tmp_path / "mine.toml"
    wording.write_text(WORDING)
    rollout(Debate(wording=str(wording)), things, PUPPETS, path=path)
    wording.write_text(WORDING.replace("Which", "So which"))
    game = Debate(wording=str(wording))
    with pytest.raises(StoreError, match="wording has changed"):
        rollout(game, things, PUPPETS, path=path)
    (record, *_) = rollout(game, things, PUPPETS)
    assert "So which" in record.entries[-1].prompt[-1].content  # and it is read anew


def test_one_process_at_a_time_and_no_episode_twice(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    identity = {"protocol": "debate", "config": {}, "players": {}, "task": "", "rule": ""}
    with EpisodeStore(path, identity), pytest.raises(StoreError, match="in use by another process"):
        rollout(Debate(), things, PUPPETS, path=path)
    records = rollout(Debate(), things, PUPPETS, path=path)
    with path.open("a") as file:
        file.write(records[1].to_json() + "\n")
    with pytest.raises(ValueError, match=r"line 5: .* as in line 2"):
        rollout(Debate(), things, PUPPETS, path=path)


def test_a_whole_last_line_counts_without_its_newline(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    records = rollout(Debate(), things, PUPPETS, path=path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert list(read_episodes(path)) == records
    assert rollout(Debate(), things, PUPPETS, path=path) == records
    assert path.read_bytes() == whole


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
