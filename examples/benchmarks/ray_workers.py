"""Two Ray workers over one on a game that is bound by the processor, all in one run.

    pip install 'oversight-envs[ray]'
    python examples/benchmarks/ray_workers.py [--out examples/results/ray_workers.json]

Debates on ``stories`` in two rounds, whose debaters compute for a while before they speak (SHA-256, over and over), as
a search or a proof checker would. A run is one call of ``rollout`` from the players to the records: it starts the
workers, who import this library, and ends them; the cluster itself is up before. One process without Ray is the third
row. Runs take turns, ``--repeats`` of each; times are their medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from dataclasses import replace
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray

from oversight_envs import Record, Turn, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.play import RayEngine
from oversight_envs.protocols import Debate
from oversight_envs.tasks import make_task
from oversight_envs.testing import Puppet


class Computing:
    """Computes for a while, then says what came out."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def __call__(self, turn: Turn) -> str:
        digest = turn.seed.to_bytes(8, "big")
        for _ in range(self.rounds):
            digest = sha256(digest).digest()
        return f"I have computed {digest.hex()[:12]}, and so it is."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=30_000, help="of SHA-256 before each speech")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()

    debater = ScriptedAgent(Computing(args.rounds))
    players = {"debater_0": debater, "debater_1": debater, "judge_0": Puppet()}
    task = make_task("stories")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="warning")

    def run(engine: RayEngine | None) -> tuple[float, list[Record]]:
        options: dict[str, Any] = {"questions": args.episodes, "seed": 0, "concurrency": 4, "engine": engine}
        start = time.perf_counter()
        records = rollout(Debate(rounds=2), task, players, **options)
        return time.perf_counter() - start, records

    engines = {"one process": None, "1 worker": RayEngine(workers=1), "2 workers": RayEngine(workers=2)}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    lines: set[tuple[str, ...]] = set()
    for _ in range(args.repeats):
        for name, engine in engines.items():
            took, records = run(engine)
            seconds[name].append(took)
            lines.add(tuple(replace(record, timings={}).to_json() for record in records))
            print(f"{name}: {took:.1f} s")
    median = {name: statistics.median(took) for name, took in seconds.items()}
    result = {
        "seconds": seconds,
        "episodes": args.episodes,
        "two_workers_over_one": median["1 worker"] / median["2 workers"],
        "two_workers_over_one_process": median["one process"] / median["2 workers"],
        "all_runs_gave_the_same_records": len(lines) == 1,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("oversight-envs", "ray", "numpy")},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
    }
    print(json.dumps(result, indent=1))
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
