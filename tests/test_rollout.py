"""Many episodes: batching changes nothing, files survive kills and full disks, players look ahead."""

from __future__ import annotations

import io
import math
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

from oversight_envs import Question, Record, Speech, Task, Turn
from oversight_envs.agents import BestOfNAgent, HumanAgent, ReplayAgent, ScriptedAgent
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import PlayerError, answer_asks
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.play import StoreError, read_episodes, rollout
from oversight_envs.protocols import Consultancy, Debate, ProverVerifier
from oversight_envs.testing import Puppet, check_agent, check_judge, example_cases, example_turns


def puppets(protocol: Any) -> dict[str, Any]:
    return dict.fromkeys(protocol.duties, Puppet())


def plain(records: Sequence[Record]) -> list[str]:
    return [replace(record, timings={}).to_json() for record in records]


def test_results_do_not_depend_on_batch_size_or_order(things: Task, sums: Task) -> None:
    for protocol, task in ((Debate(rounds=2, both_orders=True), things), (ProverVerifier(), sums)):
        players = puppets(protocol)
        together = rollout(protocol, task, players, samples=3, seed=7)
        assert len(together) == 3 * len(task)
        assert plain(rollout(protocol, task, players, samples=3, seed=7, concurrency=1)) == plain(together)
        questions = task.sample(seed=7)[::-1]
        backwards = rollout(protocol, task, players, questions=questions, samples=3, seed=7, concurrency=2)
        assert sorted(plain(backwards)) == sorted(plain(together))
        assert plain(rollout(protocol, task, players, samples=3, seed=8)) != plain(together)


def test_one_call_serves_everyone_who_waits_for_the_same_player(things: Task) -> None:
    sizes: list[int] = []

    class Counted(Puppet):
        def speak(self, turns: Sequence[Turn]) -> list[Speech]:
            sizes.append(len(turns))
            return super().speak(turns)

    debater = Counted()
    rollout(Debate(), things, {"debater_0": debater, "debater_1": debater, "judge_0": Puppet()}, samples=2)
    assert sizes == [16]  # both debaters of eight debates


SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[2])
from conftest import Things
from oversight_envs.protocols import Debate
from oversight_envs.play import rollout
from oversight_envs.testing import Puppet

class Slow(Puppet):
    def decide(self, cases):
        print("judging", flush=True)
        time.sleep(0.02)
        return super().decide(cases)

rollout(Debate(), Things(), dict.fromkeys(Debate().duties, Slow()), samples=50, seed=3, path=sys.argv[1], concurrency=2)
print("finished", flush=True)
"""


def test_kill_and_resume_loses_and_repeats_nothing(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "run" / "episodes.jsonl"
    command = [sys.executable, "-c", SCRIPT, str(path), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    while not path.exists() or path.read_bytes().count(b"\n") < 20:
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
    expected = rollout(Debate(), things, dict.fromkeys(Debate().duties, slow()), samples=50, seed=3)
    assert sorted(plain(list(read_episodes(path)))) == sorted(plain(expected))
    players = dict.fromkeys(Debate().duties, slow())
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
    rollout(Debate(), things, puppets(Debate()), path=path)
    for protocol, players in (
        (Debate(rounds=2), puppets(Debate())),
        (Consultancy(), puppets(Consultancy())),
        (Debate(), puppets(Debate()) | {"judge_0": CallableJudge(lambda case: 0.0)}),
    ):
        with pytest.raises(StoreError, match="holds episodes with another"):
            rollout(protocol, things, players, path=path)
    changed = [replace(question, text="Another question?") for question in things]
    with pytest.raises(StoreError, match="with another text"):
        rollout(Debate(), things, puppets(Debate()), questions=changed, path=path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "garbage\n", *lines[1:]]))
    with pytest.raises(ValueError, match=r"episodes.jsonl, line 2"):
        rollout(Debate(), things, puppets(Debate()), path=path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a file-size limit per process")
def test_a_full_disk_keeps_whole_lines_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
    )
    command = [sys.executable, "-c", limited + SCRIPT, str(path), str(Path(__file__).parent)]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "finished episodes are kept" in failed.stderr
    kept = len(list(read_episodes(path)))
    assert kept > 0
    assert path.read_bytes().endswith(b"\n")
    assert f"{kept} finished episodes" in failed.stderr


def test_rollout_refuses_bad_arguments(things: Task) -> None:
    players = puppets(Debate())
    for arguments, message in (
        ({"players": {"judge_0": Puppet()}}, "nobody plays debater_0, debater_1"),
        ({"questions": 5}, r"count=5.*4 questions"),
        ({"samples": 0}, "samples=0"),
        ({"questions": [things[0], things[0]]}, "one question twice"),
    ):
        with pytest.raises(ValueError, match=message):
            rollout(Debate(), things, **{"players": players, **arguments})


def test_plain_functions_are_agents_and_records_can_be_replayed(things: Task, oracle: OracleJudge) -> None:
    players = {
        "debater_0": lambda prompt: prompt[-12:],
        "debater_1": ScriptedAgent(["One.", "Two."]),
        "judge_0": oracle,
    }
    records = rollout(Debate(rounds=3), things, players)
    said = [e.reply.text for e in records[0].entries if e.role == "debater_1" and isinstance(e.reply, Speech)]
    assert said == ["One.", "Two.", "Two."]
    again = rollout(Debate(rounds=3), things, dict.fromkeys(Debate().duties, ReplayAgent(records)))
    assert [r.outcome for r in again] == [r.outcome for r in records]
    with pytest.raises(PlayerError, match="no record of what debater_0"):
        rollout(Debate(rounds=3), things, dict.fromkeys(Debate().duties, ReplayAgent(records)), seed=1)


def length_judge(sign: float = 1.0) -> CallableJudge:
    """Believes (or scores) whoever says more."""

    def log_odds(case: Any) -> float:
        said = {"A": 0, "B": 0}
        for speech in case.prompt[-1].content.split("\nDebater ")[1:]:
            said[speech[0]] += len(speech)
        return sign * (said["A"] - said["B"]) / 100

    return CallableJudge(log_odds, lambda solution: sign * len(solution.text) / 10)


def test_best_of_n_keeps_what_its_judge_likes_best(things: Task, sums: Task) -> None:
    for protocol, task, role in ((Debate(rounds=2), things, "debater_1"), (ProverVerifier(), sums, "sneaky_0")):
        best = BestOfNAgent(Puppet(), length_judge(), 4)
        records = rollout(protocol, task, puppets(protocol) | {role: best})
        for record in records:
            for entry in record.entries:
                if entry.role == role and isinstance(entry.reply, Speech):
                    assert entry.reply.info["best_of"] == 4
                    assert len(set(entry.reply.info["values"])) > 1
        worst = BestOfNAgent(Puppet(), length_judge(-1.0), 4)
        shorter = rollout(protocol, task, puppets(protocol) | {role: worst})

        def words(rows: list[Record], role: str = role) -> int:
            return sum(len(e.reply.text) for r in rows for e in r.entries if e.role == role)

        assert words(records) > words(shorter)
    check_agent(BestOfNAgent(Puppet(), length_judge(), 3))
    for n in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="n="):
            BestOfNAgent(Puppet(), length_judge(), n)


def test_best_of_n_does_not_hear_who_speaks_at_the_same_time(things: Task) -> None:
    best, values = BestOfNAgent(Puppet(), length_judge(), 4), []
    for heard in (False, True):
        episode = Episode(Debate(), things[0], seed=0)
        first, second = episode.asks
        if heard:
            episode.answer(first, "so much was said before " * 9)
        values.append(best.speak([second])[0].info["values"])
    assert values[0] == values[1]


def test_a_person_plays_at_the_terminal() -> None:
    screen = io.StringIO()
    person = HumanAgent(io.StringIO("First line.\nSecond line.\n\nmaybe A\nA: 0.8\n"), screen)
    (turn, *_), (case, *_) = example_turns(), example_cases()
    assert answer_asks(person, [turn]) == [Speech("First line.\nSecond line.")]
    (verdict,) = person.decide([case])
    assert verdict.probabilities[0] == pytest.approx(0.8)
    assert "no clear decision" in screen.getvalue()
    with pytest.raises(PlayerError, match="the input ended"):
        person.decide([case])


def test_function_judges_and_the_oracle_follow_the_contract() -> None:
    cases = example_cases()
    check_judge(CallableJudge(lambda case: len(case.prompt[-1].content) / 1000), cases)
    check_judge(CallableJudge(lambda case: [0.25, 0.75]), cases)
    check_judge(OracleJudge({case.question_id: case.options[0] for case in cases}), cases)
    for value in (math.nan, [1.0, 0.0], [0.5]):
        with pytest.raises(PlayerError):
            CallableJudge(lambda case, v=value: v).decide(cases)
    with pytest.raises(PlayerError, match="was given no answer"):
        OracleJudge({}).decide(cases)
    with pytest.raises(PlayerError, match="is none of"):
        OracleJudge({case.question_id: "elsewhere" for case in cases}).decide(cases)


def test_an_agent_can_look_ahead_without_touching_the_episode(things: Task) -> None:
    episode = Episode(Debate(), Question("q", "?", ("a", "b"), "text"), 0)
    before = episode.asks
    branch = episode.branch()
    branch.answer(branch.asks[0], "only there")
    assert episode.asks == before
    with pytest.raises(ValueError, match="not open in this episode"):
        episode.answer(branch.asks[0], "wrong episode")
