"""The prover-verifier game (arXiv 2407.13692) in small: tiny models on sums, several seeds, contrasts, table, figures.

    python examples/reproduce_prover_verifier.py --out runs/reproduce_prover_verifier --jobs 2
    python examples/reproduce_prover_verifier.py --out runs/try --rounds 2 --seeds 1 --only src  # to try it out
    python examples/reproduce_prover_verifier.py --out runs/reproduce_prover_verifier --jobs 2 \\
        --name prover_verifier_control --only src "base only" --seeds 1 2 3 4 5 6  # what of it is the game

The settings of ``src`` were settled on seed 0, which is not among the seeds that are reported. Each run has a folder in
``--out``. Stop it and call it again: every run goes on from its last checkpoint, and what is finished is not computed
again.
"""

import argparse
import sys
from pathlib import Path

import torch
from reproduction.common import write
from reproduction.jobs import Job, play_all
from reproduction.kept import kept
from reproduction.prover_figures import draw
from reproduction.prover_results import BASE_ONLY, SRC, Results
from reproduction.prover_table import table

from oversight_envs.training.ppo import PPOConfig
from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig
from oversight_envs.training.recipes.prover_verifier.tiny import TUNED, tiny_prover_verifier
from oversight_envs.training.verifiers import VerifierConfig

PPO = {"learning_rate": 1e-3, "kl_coef": 0.01, "epochs": 2}
SETTINGS = {
    "reward": "src",
    "verifier_problems": 500,
    "held_out": 160,
    "best_of_solutions": 32,
    "prover_steps": 60,
    "attack_steps": 300,
    "ppo": PPOConfig(estimator="reinforce", **PPO),
    "verifier": VerifierConfig(learning_rate=5e-4, lr_multipliers={"score": 10}, regularisation=0.002),
}
ONE_ROUND = {"rounds": 1, "attack_steps": 0, "best_of_solutions": 2, "checkers": 1}
"""Without what no table reads of the contrasts."""
WARM_STARTS = 2
"""How many warm starts of prover and verifier there are: seeds take them in turn."""
CONDITIONS = {
    SRC: {"compare": ("base", "latest", "fixed")},
    BASE_ONLY: {"mixture": "base"},
    "cgc reward": {"reward": "cgc", **ONE_ROUND},
    "goodhart reward": {"reward": "goodhart", **ONE_ROUND},
    "correctness reward": {"reward": "correctness", **ONE_ROUND},
    "GAE, value head": {"ppo": PPOConfig(estimator="gae", **PPO), **ONE_ROUND},
    "plain score head": ONE_ROUND,
    "plain score head, plain numbers": ONE_ROUND,
}
VERIFIERS = {"plain score head": "plain", "plain score head, plain numbers": "plainer"}
"""The verifier's warm start, where it is not the usual one (see ``warm_start``)."""
ONE_SEED = [condition for condition in CONDITIONS if condition not in (SRC, BASE_ONLY)]
"""What is played with the first seed alone."""


def warm_start(folder, number):
    """A prover, and verifiers of width 24 that have learnt to read solutions; in a process of its own.

    ``verifier`` scores by its weakest step and starts with number embeddings that know their values, as the shipped
    models do. ``plain`` scores by a linear layer on the last state, and ``plainer`` has plain embeddings as well.
    """
    sys.path.insert(0, str(Path(__file__).parent / "warm_start"))
    from arithmetic import VERIFIER, prover, reader

    torch.set_num_threads(1)
    shape = VERIFIER | {"hidden_size": 24}

    def make(models):
        def save(name, model, tokenizer):
            model.save_pretrained(models / name)
            tokenizer.save_pretrained(models / name)

        save("prover", *prover(seed=number))
        model, tokenizer = reader(shape, seed=number)
        save("verifier", model, tokenizer)
        model.config.score_head = "last state"
        save("plain", model, tokenizer)
        save("plainer", *reader(shape | {"score_head": "last state"}, number_meaning=False, seed=number))

    kept(folder / "models", make, make)


def play(folder, models, verifier, settings):
    """One run to its end; in a process of its own."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    models = {"prover_model": str(models / "prover"), "verifier_model": str(models / verifier)}
    tiny_prover_verifier(folder, **models, **settings).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--rounds", type=int, default=4)
    usual = [condition for condition in CONDITIONS if condition != BASE_ONLY]
    parser.add_argument(
        "--only", choices=CONDITIONS, nargs="+", default=usual,
        help=f"all but {BASE_ONLY!r} by default, which takes two thirds as long as all others together",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    parser.add_argument("--name", default="reproduce_prover_verifier", help="of the page and its figures, in --out")
    arguments = parser.parse_args()
    starts = {number: arguments.out / f"warm_start_{number}" for number in range(WARM_STARTS)}
    warm = [Job(f"warm start {number}", folder, 1, (number,)) for number, folder in starts.items()]
    jobs = {}
    for condition in arguments.only:
        for seed in arguments.seeds[:1] if condition in ONE_SEED else arguments.seeds:
            settings = {"rounds": arguments.rounds, **SETTINGS, **CONDITIONS[condition], "seed": seed}
            models = starts[(seed - 1) % WARM_STARTS] / "models"
            folder = arguments.out / f"{condition.replace(', ', '_').replace(' ', '_')}_{seed}"
            steps = ProverVerifierConfig(**{**TUNED, **settings}).steps
            verifier = VERIFIERS.get(condition, "verifier")
            jobs[condition, seed] = Job(f"{condition}, seed {seed}", folder, steps, (models, verifier, settings))
    play_all(warm_start, warm, arguments.jobs)
    play_all(play, list(jobs.values()), arguments.jobs)
    if SRC not in arguments.only:
        print(f"finished; the table compares with {SRC!r}: leave --only out to write it")
        return
    results = Results.read({run: job.folder for run, job in jobs.items()}, list(starts.values()))
    figures = draw(results, arguments.out, arguments.name)
    write(arguments.out, arguments.name, results.rows, table(results, figures))


if __name__ == "__main__":
    main()
