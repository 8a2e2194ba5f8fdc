"""Runs of a reproduction, each in a process and a folder of its own, with a progress bar for each."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oversight_envs.training import read_metrics


class Job(NamedTuple):
    """``play(folder, *arguments)`` takes ``steps`` steps and logs each in ``folder``'s metrics."""

    name: str
    folder: Path
    steps: int
    arguments: tuple


def play_all(play, jobs, workers):
    """All jobs, ``workers`` at a time; what failed is raised once it is seen, and nothing new is begun then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    spawn = multiprocessing.get_context("spawn")
    with Progress(*columns) as bars, ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        running = {
            bars.add_task(job.name, total=job.steps, start=False): (job, pool.submit(play, job.folder, *job.arguments))
            for job in jobs
        }
        try:
            while not all(future.done() for _, future in running.values()):
                time.sleep(1)
                for bar, (job, future) in running.items():
                    if future.running():
                        bars.start_task(bar)
                    if future.done():
                        future.result()
                    bars.update(bar, completed=_steps_done(job.folder))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _steps_done(folder):
    return max((row["step"] for row in read_metrics(folder)), default=0) if (folder / "metrics.jsonl").exists() else 0
