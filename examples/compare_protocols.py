"""Protocols compared in small: the same tiny players, judge and questions under each, some seeds, table and figures.

    python examples/compare_protocols.py --out runs/compare_protocols --jobs 2
    python examples/compare_protocols.py --out runs/one --seeds 0 --steps 30 --protocols debate consultancy

Each run is kept in ``--out`` when it ends. Stop it and call it again: what is there is not computed again, if the same
code and settings made it.
"""

import argparse
from pathlib import Path

import torch
from reproduction.common import write
from reproduction.jobs import Job, play_all, processor_minutes
from reproduction.protocol_runs import GAMES, JUDGE_FIRST, first_models, kept_runs, play
from reproduction.protocol_table import Results, draw, table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--protocols", nargs="+", choices=GAMES, default=[*GAMES])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    if arguments.steps <= JUDGE_FIRST:
        parser.error(f"--steps {arguments.steps}: in the first {JUDGE_FIRST} only judges learn; give more")
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    first_models(arguments.out, arguments.protocols)
    jobs = [
        Job(f"{protocol}, seed {seed}", arguments.out / f"{protocol.replace(' ', '_')}_{seed}", arguments.steps,
            (arguments.out, protocol, seed, arguments.steps))
        for seed in arguments.seeds
        for protocol in arguments.protocols
    ]  # fmt: skip
    play_all(play, jobs, arguments.jobs)
    results = Results(kept_runs(jobs), processor_minutes([job.folder for job in jobs]))
    name = "compare_protocols"
    figures = draw(results, arguments.out, name)
    write(arguments.out, name, results.rows, table(results, figures))


if __name__ == "__main__":
    main()
