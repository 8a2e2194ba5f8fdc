"""Ray workers: the records of one process, whoever is lost on the way. One small cluster for all of it."""

from __future__ import annotations

import os
import runpy
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from api_server import api_server
from command_line import DRY, call, fails
from ray_players import EndsItsProcess, OwnError, Raises
from small_tasks import Things

from oversight_envs import PlayerError, Record, Task, read_episodes, rollout
from oversight_envs.agents import ApiAgent, LanguageModelAgent
from oversight_envs.judges import ApiLogitJudge
from oversight_envs.models import load
from oversight_envs.models.api import ApiModel, Budget
from oversight_envs.models.hf import loading
from oversight_envs.play import RayEngine
from oversight_envs.play.jobs import Plan
from oversight_envs.play.ray import _packed, _remade
from oversight_envs.protocols import Debate, ProverVerifier
from oversight_envs.testing import Puppet

ray = pytest.importorskip("ray")

ONE = RayEngine(workers=1)
TWO = RayEngine(workers=2)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", os.environ.get("RAY_TMPDIR", "/tmp"))  # paths of sockets must be short
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))  # workers import what tests do
        ray.init(
            address="local",
            num_cpus=2,
            object_store_memory=80 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
        )
        yield
        ray.shutdown()


def puppets(protocol: Any, **others: Any) -> dict[str, Any]:
    return dict.fromkeys(protocol.roles, Puppet()) | others


def plain(records: Sequence[Record]) -> list[str]:
    return [replace(record, timings={}, players={}).to_json() for record in records]


def test_records_are_those_of_one_process(things: Task, sums: Task, tmp_path: Path) -> None:
    debate = Debate(rounds=2, both_orders=True)
    one, many = {"concurrency": 1, "engine": TWO}, {"group": "batch", "engine": "ray"}
    for protocol, task, options in (debate, things, one), (ProverVerifier(), sums, many):
        there = rollout(protocol, task, puppets(protocol), samples=3, seed=7, **options)  # type: ignore[arg-type]
        here = rollout(protocol, task, puppets(protocol), samples=3, seed=7, group=options.get("group"))  # type: ignore[arg-type]
        assert plain(there) == plain(here)
        assert all(record.timings["wall_s"] > 0 for record in there)
    path = tmp_path / "episodes.jsonl"
    stored = rollout(debate, things, puppets(debate), questions=3, seed=7, path=path, engine=ONE)
    more = rollout(debate, things, puppets(debate), seed=7, path=path)  # begun there, ended here
    assert more[:3] == stored
    assert plain(list(read_episodes(path))) == plain(more)


def test_a_lost_worker_costs_nothing_but_time(things: Task, tmp_path: Path) -> None:
    marks, path = tmp_path / "marks", tmp_path / "episodes.jsonl"
    marks.mkdir()
    cast = puppets(Debate(), debater_1=EndsItsProcess("cup", marks))
    seen: list[int] = []
    play = partial(rollout, Debate(), things, cast, samples=5, concurrency=3, path=path)
    there = play(engine=TWO, on_record=lambda record, done, of: seen.append(done))
    assert len(list(marks.iterdir())) == 1  # it was lost once
    assert seen == list(range(21))
    assert len({(record.question.id, record.seed) for record in read_episodes(path)}) == 20
    here = rollout(Debate(), things, puppets(Debate()), samples=5)
    assert plain(there) == plain(here)


def test_an_episode_that_ends_its_workers_ends_itself_only(things: Task, tmp_path: Path) -> None:
    cast = puppets(Debate(), debater_1=EndsItsProcess("cup", tmp_path, times=99))
    records = rollout(Debate(), things, cast, engine=ONE, on_failure="record")
    assert len(list(tmp_path.iterdir())) == 3
    assert [record.question.id for record in records if record.outcome is None] == ["cup"]
    (failed,) = (record.failed for record in records if record.failed)
    assert "lost, 3 times" in failed
    with pytest.raises(PlayerError, match=r"question 'cup', seed .* lost, 3 times"):
        rollout(Debate(), things, cast, engine=ONE)


def test_failures_are_those_of_one_process(things: Task) -> None:
    cast = puppets(Debate(), debater_0=Raises("dog"))
    with pytest.raises(OwnError, match=r"^no word on the dog$"):
        rollout(Debate(), things, cast, engine=ONE)
    recorded = rollout(Debate(), things, cast, engine=ONE, on_failure="record")
    assert plain(recorded) == plain(rollout(Debate(), things, cast, on_failure="record"))
    assert [record.failed for record in recorded if record.failed] == ["debater_0: OwnError: no word on the dog"]


def test_a_stop_ends_the_workers_and_keeps_the_file_whole(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"

    def stop(record: Record | None, done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    play = partial(rollout, Debate(), things, puppets(Debate()), samples=2, concurrency=1, path=path)
    with pytest.raises(KeyboardInterrupt):
        play(engine=TWO, on_record=stop)
    assert len(list(read_episodes(path))) == 2
    assert plain(play()) == plain(rollout(Debate(), things, puppets(Debate()), samples=2))
    until = time.monotonic() + 60
    while ray.available_resources().get("CPU") != 2:  # nobody holds a processor, as the cluster learns a little later
        assert time.monotonic() < until
        time.sleep(0.1)


def test_models_travel_as_what_loads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", {})  # other tests may have trained theirs
    lm = load("tiny-stories-debater")
    agent = LanguageModelAgent(lm)
    plan = Plan(Debate(), Things(), {"debater_0": agent, "debater_1": agent}, len, None, {}, 1, "raise")  # type: ignore[arg-type]
    packed = _packed(ray, plan)
    assert len(packed) < 10_000
    again = ray.cloudpickle.loads(packed).players
    assert again["debater_0"] is again["debater_1"]
    assert again["debater_0"].lm is lm  # in this process it is loaded already
    trained = lm.copy()
    assert trained.remake is None
    twin = ray.cloudpickle.loads(_packed(ray, replace(plan, players={"judge_0": trained}))).players["judge_0"]
    assert twin is not trained
    assert twin.fingerprint == lm.fingerprint
    with pytest.raises(PlayerError, match="not the same in a worker as here"):
        _remade(partial(load, "tiny-stories-debater"), "another")


def test_models_behind_servers_say_what_they_took_and_share_the_cache(things: Task, tmp_path: Path) -> None:
    with api_server() as server:
        lm = ApiModel(server.spec, cache=tmp_path / "answers.sqlite")
        debater = ApiAgent(lm, max_new_tokens=50)
        cast = {"debater_0": debater, "debater_1": debater, "judge_0": ApiLogitJudge(lm)}
        here = rollout(Debate(), things, cast | {"judge_0": ApiLogitJudge(ApiModel(server.spec))})
        asked = len(server.requests)
        there = rollout(Debate(), things, cast, engine=ONE)
        assert len(server.requests) - asked == 4  # the judge's: the debaters' answers are in the file
    assert [record.decisions for record in there] == [record.decisions for record in here]
    assert [record.usage["judge_0"] for record in there] == [record.usage["judge_0"] for record in here]
    assert [sum(spent.repeated for spent in record.usage["debater_0"]) for record in there] == [1] * 4


def test_the_command_line_takes_an_engine(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--questions", "3", "--engine", "ray", "--engine-option", "workers=1"]
    shown = call("evaluate", "consultancy", *DRY, "--out", str(out), "--no-baselines", *options)
    assert "consultancy" in shown.output
    assert len(list(read_episodes(out / "consultancy.jsonl"))) == 3
    fails("evaluate", "debate", *DRY, "--engine", "rays", says="engine='rays'")
    fails("evaluate", "debate", *DRY, "--engine-option", "workers=2", says="there is no --engine")
    fails("evaluate", "debate", *DRY, "--engine", "ray", "--engine-option", "worker=2", says="did you mean 'workers'")


def test_the_example_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "ray_rollout.py"))["main"]
    options = ["--model", "scripted:So it is.", "--judge", "oracle", "--workers", "1"]
    main([*options, "--questions", "2", "--out", str(tmp_path)])
    assert capsys.readouterr().out.count(": 3 words") == 4


def test_what_cannot_be_sent_is_named(things: Task) -> None:
    lock = Lock()
    cast = puppets(Debate(), debater_1=lambda prompt: f"{lock}")
    with pytest.raises(TypeError, match=r"players\['debater_1'\] can't be sent to another process"):
        rollout(Debate(), things, cast, engine=ONE)
    budgeted = ApiAgent(ApiModel("openai:m@http://127.0.0.1:1/v1", budget=Budget(1.0, {})))
    with pytest.raises(TypeError, match=r"players\['debater_0'\].*openai:m@http.* has a budget \(max_cost\)"):
        rollout(Debate(), things, puppets(Debate(), debater_0=budgeted), engine=ONE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers=0"),
        ({"num_cpus": -1}, "num_cpus=-1"),
        ({"num_cpus": 0}, "num_cpus=0, num_gpus=0"),
        ({"num_gpus": "1"}, "num_gpus='1'"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RayEngine(**options)


def test_what_the_cluster_has_not_is_named(things: Task) -> None:
    with pytest.raises(ValueError, match=r"num_gpus=1: no machine of the Ray cluster has that much .*2 CPUs, 0 GPUs"):
        rollout(Debate(), things, puppets(Debate()), engine=RayEngine(num_gpus=1))
    with pytest.raises(ValueError, match="engine='dask'"):
        rollout(Debate(), things, puppets(Debate()), engine="dask")  # type: ignore[arg-type]


def test_a_cluster_that_cannot_be_reached(things: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    play = partial(rollout, Debate(), things, puppets(Debate()))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"{address}.*no Ray cluster has answered in 3 s"):
            play(engine=RayEngine(address=address, timeout=3))
    with pytest.raises(ConnectionError, match=r"ray start --head"):
        play(engine=RayEngine(address=address))
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ConnectionError, match="no Ray cluster can be reached"):
        play(engine="ray")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'oversight-envs\[ray\]'"):
        play(engine="ray")
