"""Weak-to-strong generalisation in small, with and without debates: tiny models on stories, several seeds, a table.

    python examples/reproduce_weak_to_strong.py --out runs/reproduce_weak_to_strong --jobs 2
    python examples/reproduce_weak_to_strong.py --out runs/try --weak 96 --questions 320 --held-out 100 --seeds 0

Each seed has a folder in ``--out``. Stop it and call it again: every run goes on from its last checkpoint, and what is
finished is not computed again.
"""

import argparse
from pathlib import Path

import torch
from reproduction.common import write
from reproduction.jobs import Job, play_all
from reproduction.weak_to_strong_figures import draw
from reproduction.weak_to_strong_table import Results, table

from oversight_envs.training.recipes.weak_to_strong.config import LOSSES
from oversight_envs.training.recipes.weak_to_strong.tiny import tiny_weak_to_strong


def play(folder, seed, shape):
    """One run to its end; in a process of its own."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    run(folder, seed, shape).run()


def run(folder, seed, shape):
    return tiny_weak_to_strong(folder, seed=seed, losses=LOSSES, **shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--weak", type=int, default=384, help="questions that the weak judges learn from")
    parser.add_argument("--questions", type=int, default=1024, help="questions that they label")
    parser.add_argument("--held-out", type=int, default=300)
    parser.add_argument("--debates", type=int, nargs="+", default=[0, 1, 4], help="how many a weak judge reads")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    shape = {
        "weak_questions": arguments.weak,
        "student_questions": arguments.questions,
        "held_out": arguments.held_out,
        "debates": tuple(arguments.debates),
    }
    folders = {seed: arguments.out / f"seed_{seed}" for seed in arguments.seeds}
    runs = {seed: run(folder, seed, shape) for seed, folder in folders.items()}
    jobs = [Job(f"seed {seed}", folders[seed], runs[seed].config.steps, (seed, shape)) for seed in arguments.seeds]
    play_all(play, jobs, arguments.jobs)
    results = Results.read(folders)
    name = "reproduce_weak_to_strong"
    figures = draw(results, arguments.out, name)
    write(arguments.out, name, results.rows, table(results, runs[arguments.seeds[0]], figures))


if __name__ == "__main__":
    main()
