"""The prover-verifier game (arXiv 2407.13692) in small: tiny models on sums, several seeds, controls, table, figures.

    python examples/reproduce_prover_verifier.py --out runs/reproduce_prover_verifier --jobs 2
    python examples/reproduce_prover_verifier.py --out runs/try --rounds 2 --seeds 0 --only adversarial  # to try it out

Each run has a folder in ``--out``. Stop it and call it again: every run goes on from its last checkpoint, and what is
finished is not computed again.
"""

import argparse
import json
from pathlib import Path

import torch
from reproduction.jobs import Job, play_all
from reproduction.prover_figures import draw
from reproduction.prover_results import ADVERSARIAL, BASE_ONLY, Results
from reproduction.prover_table import table

from oversight_envs.training.recipes.prover_verifier.tiny import tiny_prover_verifier

ONE_ROUND = {"rounds": 1, "attack_steps": 0}
CONDITIONS = {
    ADVERSARIAL: {"compare": ("base", "latest", "fixed")},
    BASE_ONLY: {"mixture": "base"},
    "src reward": {"reward": "src", "rounds": 3},
    "correctness reward": {"reward": "correctness", **ONE_ROUND},
    "correctness reward, cost": {"reward": "correctness", "cost_per_token": 0.06, **ONE_ROUND},
    "cgc reward, cost": {"cost_per_token": 0.06, **ONE_ROUND},
}
SEEDS = {ADVERSARIAL: 4, BASE_ONLY: 2, "src reward": 1}
"""How many of the seeds a condition is played with; the short ones with 3."""


def play(folder, settings):
    """One run to its end; in a process of its own."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    tiny_prover_verifier(folder, **settings).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CONDITIONS, nargs="+", default=list(CONDITIONS))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    jobs = {}
    for condition in arguments.only:
        for seed in arguments.seeds[: SEEDS.get(condition, 3)]:
            settings = {"rounds": arguments.rounds, **CONDITIONS[condition], "seed": seed}
            folder = arguments.out / f"{condition.replace(', ', '_').replace(' ', '_')}_{seed}"
            steps = tiny_prover_verifier(folder, **settings).config.steps
            jobs[condition, seed] = Job(f"{condition}, seed {seed}", folder, steps, (settings,))
    play_all(play, list(jobs.values()), arguments.jobs)
    if ADVERSARIAL not in arguments.only:
        print(f"finished; the table compares with {ADVERSARIAL!r}: leave --only out to write it")
        return
    results = Results.read({run: job.folder for run, job in jobs.items()})
    name = "reproduce_prover_verifier"
    lines = "".join(json.dumps(row) + "\n" for row in results.rows)
    (arguments.out / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    figures = draw(results, arguments.out, name)
    (arguments.out / f"{name}.md").write_text(table(results, figures), encoding="utf-8")
    print(f"{arguments.out / name}.md")


if __name__ == "__main__":
    main()
