"""Whether memory stays flat while many episodes are played and written.

    python examples/benchmarks/memory.py [--episodes 100000] [--out examples/results/memory.json]

Scripted debates on a hundred questions, written to one file by ``rollout(path=..., keep=False)``; the resident memory
of the process is read at every tenth part.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import tempfile
import time
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from oversight_envs import Question, Record, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Debate
from oversight_envs.tasks import ListTask

FLAT = 1.05
"""Memory at the end over memory after the first tenth: more is no longer flat."""


def resident() -> float:
    """Of this process, in MB."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


def even(_: Any) -> float:
    return 0.0


def play(task: Any, episodes: int, path: Path) -> dict[str, Any]:
    players = {
        "debater_0": ScriptedAgent(["It is blue: <quote>the kettle was blue</quote>."]),
        "debater_1": ScriptedAgent(["It is green, whatever others say."]),
        "judge_0": CallableJudge(log_odds=even),
    }
    measured: list[list[float]] = []

    def measure(record: Record | None, done: int, total: int) -> None:
        if record is not None and done % (total // 10) == 0:
            measured.append([done, round(resident(), 1)])

    started = time.perf_counter()
    rollout(Debate(), task, players, samples=episodes // len(task), path=path, keep=False, on_record=measure)
    return {"seconds": round(time.perf_counter() - started, 1), "episodes_and_mb": measured}


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file")
    options = parser.parse_args(None if arguments is None else list(arguments))
    passage = "All agree that the kettle was blue. Nobody had asked the cook."
    questions = [Question(f"q{i}", f"What colour, {i}?", ("blue", "green"), passage, i % 2) for i in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episodes.jsonl"
        before = resident()
        played = play(ListTask(questions), options.episodes, path)
        size = path.stat().st_size / 1e6
        lines = sum(1 for _ in path.open("rb"))
    first, last = played["episodes_and_mb"][0][1], played["episodes_and_mb"][-1][1]
    result = {
        "episodes": options.episodes,
        "lines_in_the_file": lines,
        "file_mb": round(size, 1),
        "mb_before": round(before, 1),
        **played,
        "last_over_first": round(last / first, 3),
        "flat": last / first <= FLAT and lines == options.episodes,
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version(), "oversight-envs": version("oversight-envs")},
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if result["flat"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
