"""Runs of a reproduction, each in a process and a folder of its own, with a progress bar for each."""

import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oversight_envs.training import read_metrics

TIMES, FINISHED = "processor_seconds", "finished"
LINE_EVERY = 60
"""Seconds between two lines of progress where the output is no terminal."""


class Job(NamedTuple):
    """``play(folder, *arguments)`` takes ``steps`` steps and logs each in ``folder``'s metrics."""

    name: str
    folder: Path
    steps: int
    arguments: tuple


def play_all(play, jobs, workers):
    """All jobs, ``workers`` at a time. When one fails, or this process is interrupted, the others are ended with it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    spawn = multiprocessing.get_context("spawn")
    console = Console()
    with Progress(*columns, console=console, refresh_per_second=1) as bars:
        waiting = [(job, bars.add_task(job.name, total=job.steps, start=False)) for job in jobs]
        playing, line_due = [], 0.0
        while waiting or playing:
            while waiting and len(playing) < workers:
                job, bar = waiting.pop(0)
                process = spawn.Process(target=_play, args=(play, job), daemon=True)
                process.start()
                bars.start_task(bar)
                playing.append((job, bar, process))
            time.sleep(2)
            if not console.is_terminal and time.monotonic() > line_due:
                line_due = time.monotonic() + LINE_EVERY
                console.print(
                    "; ".join(f"{job.name}: {_steps_done(job.folder)} of {job.steps}" for job, _, _ in playing)
                )
            for job, bar, process in list(playing):
                if console.is_terminal or process.exitcode is not None:
                    bars.update(bar, completed=_steps_done(job.folder))
                if process.exitcode is not None:
                    bars.stop_task(bar)
                    playing.remove((job, bar, process))
                if process.exitcode:
                    raise SystemExit(f"{job.name} ended with an error (see above)")


def processor_minutes(folders):
    """Of all jobs in these folders, stopped ones that were gone on with included."""
    seconds = [float(file.read_text()) for folder in folders for file in (folder / TIMES).glob("*")]
    return sum(seconds) / 60


def finished(folder):
    """Whether a job came to its end there."""
    return (folder / FINISHED).exists()


def _play(play, job):
    """In the job's process, which ends with its parent, however that ends: a folder has one writer at a time."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    file = job.folder / TIMES / f"{time.time_ns()}"
    file.parent.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=_keep_time, args=(file,), daemon=True).start()
    play(job.folder, *job.arguments)
    file.write_text(f"{time.process_time():.1f}")
    (job.folder / FINISHED).touch()


def _keep_time(file):
    """The processor seconds that this process has taken, now and then: it may be stopped at any moment."""
    while True:
        file.write_text(f"{time.process_time():.1f}")
        time.sleep(10)


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


def _steps_done(folder):
    return max((row["step"] for row in read_metrics(folder)), default=0) if (folder / "metrics.jsonl").exists() else 0
