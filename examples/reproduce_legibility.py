"""Does the prover-verifier game make solutions easier to check? A reproduction in small, with a simulated checker.

    python examples/reproduce_legibility.py --out runs/reproduce_legibility
    python examples/reproduce_legibility.py --out runs/reproduce_legibility --tried  # what settings were chosen from

Chains of five sums; the base prover writes all of them in one line half of the time, and a token costs. Stop it and
call it again: every run goes on from its last checkpoint, and what is finished is not computed again.
"""

import argparse
import json
from pathlib import Path

import torch
from reproduction.jobs import Job, play_all
from reproduction.legibility_models import warm_start
from reproduction.legibility_results import Results
from reproduction.legibility_runs import SHAPE, game_run, play, play_translator
from reproduction.legibility_table import draw, table

UNSCORED = {"reward": "correctness", "verifier_steps": 1}
"""The reward does not look at the verifier, so it need not be trained."""
SMALL = {"verifier_problems": 250, "prover_problems": 480, "prover_steps": 30}
TRIED = {
    "cgc, .03 a token": {"reward": "cgc", "cost_per_token": 0.03},
    "src, .03 a token": {"reward": "src", "cost_per_token": 0.03},
    "src, .03 a token, 250 verifier problems": {
        "reward": "src", "cost_per_token": 0.03, **SMALL, "verifier_steps": 120
    },
    "correctness, .03 a token, 30 steps": {**UNSCORED, "cost_per_token": 0.03, **SMALL},
    "correctness, 30 steps": {**UNSCORED, **SMALL},
}
"""On seed 0, to choose settings by."""
NAME = "reproduce_legibility"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--tried", action="store_true", help="play the settings that were tried, on seed 0")
    parser.add_argument("--only", nargs="+", help="these conditions alone; writes no table")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    warm_start(arguments.out / "models")
    tried = runs(arguments, TRIED, [0])
    play_all(play, list(tried.values()), arguments.jobs)


def runs(arguments, conditions, seeds):
    models, jobs = arguments.out / "models", {}
    for seed in seeds:
        for condition in arguments.only or conditions:
            settings = {**conditions[condition], "seed": seed}
            folder = arguments.out / f"{condition.replace(', ', '_').replace(' ', '_')}_{seed}"
            steps = game_run(folder, models, settings).config.steps
            jobs[condition, seed] = Job(f"{condition}, seed {seed}", folder, steps, (models, settings))
    return jobs


if __name__ == "__main__":
    main()
