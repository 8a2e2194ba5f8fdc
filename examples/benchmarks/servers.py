"""A thousand debates at a server: how near to what its latency allows, and whether faults lose or invent anything.

    python examples/benchmarks/servers.py [--games 1000] [--out examples/results/servers.json]

The server (``fake_server.py``) is a process of its own and has no model: what it says is derived from what it is asked.
Every game is one debate with one round, which takes three calls in two steps: both debaters at once, then the judge.
256 games are in flight and 256 calls on their way.

The critical path of games whose calls all take as long, by S slots, is ceil(calls / S) times that long: no schedule can
be faster. With latencies that differ it is the sum of them over S, or the longest game, whichever is more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fake_server import MODEL, Behaviour, digest, first_share, key, seconds, speech

from oversight_envs import Episode, Message, Record, Speech, Verdict, rollout
from oversight_envs.agents import ApiAgent
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges import ApiLogitJudge
from oversight_envs.models.api import ApiModel
from oversight_envs.play import read_episodes
from oversight_envs.play.drive import event_loop
from oversight_envs.protocols import Debate
from oversight_envs.tasks import make_task

AT_ONCE = 256
QUESTIONS = 10


class FakeServer:
    """The process and how to talk to it."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def behave(self, behaviour: Behaviour) -> None:
        """Begins a new log, too."""
        self._get("/behave", json.dumps(asdict(behaviour)).encode())

    def log(self) -> Any:
        return self._get("/log")

    def players(self, cache: Path | None = None) -> dict[str, Any]:
        lm = ApiModel(MODEL, f"{self.address}/v1", concurrency=AT_ONCE, cache=cache)
        debater = ApiAgent(lm)
        return {"debater_0": debater, "debater_1": debater, "judge_0": ApiLogitJudge(lm)}

    def _get(self, path: str, data: bytes | None = None) -> Any:
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data=data)) as response:
            return json.loads(response.read())


@contextmanager
def fake_server() -> Iterator[FakeServer]:
    command = [sys.executable, str(Path(__file__).with_name("fake_server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield FakeServer(int(process.stdout.readline()))
        finally:
            process.stdin.close()


def play(players: dict[str, Any], games: int, **options: Any) -> list[Record]:
    samples = games // QUESTIONS
    return rollout("debate", "passages", players, questions=QUESTIONS, samples=samples, concurrency=AT_ONCE, **options)


def messages(prompt: Iterable[Message]) -> list[dict[str, str]]:
    """As a request has them."""
    return [{"role": message.role, "content": message.content} for message in prompt]


def spent_of(players: dict[str, Any], games: int) -> tuple[float, float]:
    """Seconds of wall time, and of this process's processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    play(players, games)
    return time.perf_counter() - wall, time.process_time() - cpu


def latency(server: FakeServer, games: int, each: float) -> dict[str, Any]:
    """Wall time over the critical path, where every call takes as long."""
    server.behave(Behaviour(each))
    wall, cpu = spent_of(server.players(), games)
    log = server.log()
    calls = log["requests"]
    assert calls == 3 * games, calls
    path = math.ceil(calls / AT_ONCE) * each
    return {
        "seconds_a_call": each,
        "calls": calls,
        "most_calls_at_once": log["most"],
        "wall_s": round(wall, 2),
        "critical_path_s": round(path, 2),
        "wall_over_critical_path": round(wall / path, 2),
        "processor_ms_a_call": round(1000 * cpu / calls, 2),
    }


def client_alone(server: FakeServer, calls: int, each: float) -> dict[str, Any]:
    """The same number of calls, without games, by the client as its documentation has it: what there is to gain."""
    import openai

    server.behave(Behaviour(each))
    said: Any = [{"role": "user", "content": "word " * 600}]

    async def ask() -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        async with openai.AsyncOpenAI(base_url=f"{server.address}/v1", api_key="none") as client:

            async def one(number: int) -> None:
                async with slots:
                    await client.chat.completions.create(model=MODEL, messages=said, seed=number, max_tokens=256)

            await asyncio.gather(*map(one, range(calls)))

    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(ask())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    path = math.ceil(calls / AT_ONCE) * each
    return {
        "seconds_a_call": each,
        "calls": calls,
        "wall_s": round(wall, 2),
        "wall_over_critical_path": round(wall / path, 2),
        "processor_ms_a_call": round(1000 * cpu / calls, 2),
    }


async def lockstep(players: dict[str, Any], games: int) -> list[Episode]:
    """All games that are in flight take a step, and the next begins when the slowest has taken it."""
    game, task = Debate(), make_task("passages")
    chosen = task.sample(QUESTIONS, seed=0)
    episodes = [
        Episode(game, question, derive_seed(0, "episode", question.id, k))
        for question in chosen
        for k in range(games // QUESTIONS)
    ]
    for start in range(0, games, AT_ONCE):
        wave = episodes[start : start + AT_ONCE]
        while asks := [(episode, ask) for episode in wave for ask in episode.asks]:
            answers = await asyncio.gather(*[players[ask.role].answer(ask) for _, ask in asks])
            for (episode, ask), answer in zip(asks, answers, strict=True):
                episode.answer(ask, answer.reply)
    return episodes


def longest_path(server_log: Any, records: list[Record], behaviour: Behaviour) -> float:
    """The critical path where latencies differ."""
    seeds: dict[str, list[int]] = defaultdict(list)
    for given in server_log["given"]:
        conversation, seed = given.split()
        seeds[conversation].append(int(seed))
    total, longest = 0.0, 0.0
    for record in records:
        by_duty: dict[str, list[float]] = defaultdict(list)
        for entry in record.entries:
            said = messages(entry.prompt)
            seed = int(entry.reply.text.split()[-1].rstrip(".")) if isinstance(entry.reply, Speech) else None
            asked = seeds[f"{digest(said):016x}"]
            body = {"messages": said, "seed": asked[0] if seed is None else seed}
            by_duty[entry.duty].append(seconds(behaviour, body))
        total += sum(map(sum, by_duty.values()))
        longest = max(longest, sum(map(max, by_duty.values())))
    return max(total / AT_ONCE, longest)


def steps(server: FakeServer, games: int) -> dict[str, Any]:
    """The queue beside lockstep, on the same games with the same latencies, which differ from call to call."""
    behaviour = Behaviour(0.3, sigma=0.7)
    server.behave(behaviour)
    started = time.perf_counter()
    records = play(server.players(), games)
    queue = time.perf_counter() - started
    path = longest_path(server.log(), records, behaviour)
    started = time.perf_counter()
    episodes = asyncio.run_coroutine_threadsafe(lockstep(server.players(), games), event_loop()).result()
    slow = time.perf_counter() - started
    assert [record.entries for record in records] == [episode.log for episode in episodes]
    return {
        "median_s": behaviour.seconds,
        "sigma": behaviour.sigma,
        "queue_s": round(queue, 2),
        "critical_path_s": round(path, 2),
        "lockstep_s": round(slow, 2),
        "lockstep_over_queue": round(slow / queue, 2),
    }


def faults(server: FakeServer, games: int, share: float) -> dict[str, Any]:
    """What a run with faults keeps, held against the server's own log."""
    server.behave(Behaviour(0.02, faults=share))
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "episodes.jsonl", Path(folder) / "answers.sqlite"
        started = time.perf_counter()
        while not failed or failed[-1]:  # the same run again plays what has failed
            records = play(server.players(cache), games, path=path, on_failure="record")
            failed.append(sum(record.failed is not None for record in records))
        wall = time.perf_counter() - started
        kept = list(read_episodes(path))
        lines = Counter((json.loads(line)["question"]["id"], json.loads(line)["seed"]) for line in path.open())
    log = server.log()
    given = log["given"]
    conversations = {name.split()[0] for name in given}
    replies = [(messages(entry.prompt), entry.reply) for record in kept for entry in record.entries]
    return {
        "share_of_requests_that_fail": share,
        "games": games,
        "requests": log["requests"],
        "faults": log["faults"],
        "failed_episodes_by_run": failed,
        "wall_s": round(wall, 2),
        "replies_kept": len(replies),
        "lost": games - len(kept),
        "doubled": sum(lines.values()) - len(lines) + sum(count - 1 for count in given.values()),
        "invented": sum(not _was_given(said, reply, given, conversations) for said, reply in replies),
    }


def _was_given(said: list[dict[str, str]], reply: Any, given: dict[str, int], conversations: set[str]) -> bool:
    """Whether the server says that it gave this reply in this conversation."""
    if isinstance(reply, Speech):
        seed = int(reply.text.split()[-1].rstrip("."))
        return reply.text == speech(said, seed) and key(said, seed) in given
    first = reply.probabilities[0] if isinstance(reply, Verdict) else -1.0
    right = abs(first - first_share(said)) < 1e-9
    return right and f"{digest(said):016x}" in conversations


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file")
    options = parser.parse_args(arguments)
    with fake_server() as server:
        server.behave(Behaviour())
        play(server.players(), 5 * QUESTIONS, seed=1)  # imports, first connections
        result = {
            "latency": [latency(server, options.games, each) for each in (0.2, 1.0)],
            "client_alone": client_alone(server, 3 * options.games, 0.2),
            "lockstep": steps(server, options.games),
            "faults": faults(server, options.games, 0.3),
        }
    packages = ("oversight-envs", "openai", "aiohttp")
    result |= {
        "games": options.games,
        "games_and_calls_at_once": AT_ONCE,
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {platform.system()}, 2 processes",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    found = result["faults"]
    return int(any(found[name] for name in ("lost", "doubled", "invented")))


if __name__ == "__main__":
    raise SystemExit(main())
