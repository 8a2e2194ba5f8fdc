"""Does the prover-verifier game make solutions easier to check? A reproduction in small, with a simulated checker.

    python examples/reproduce_legibility.py --out runs/reproduce_legibility
    python examples/reproduce_legibility.py --out runs/reproduce_legibility --seeds  # settings tried on seed 0

Chains of five sums; the base prover writes all of them in one line half of the time, and a token costs. Stop it and
call it again: every run goes on from its last checkpoint, and what is finished is not computed again.
"""

import argparse
from pathlib import Path

import torch
from reproduction.common import write
from reproduction.jobs import Job, play_all
from reproduction.legibility_models import warm_start
from reproduction.legibility_results import Results
from reproduction.legibility_runs import game_run, play, play_translator
from reproduction.legibility_table import draw, table

from oversight_envs.training.recipes.prover_verifier.tiny import TUNED

UNSCORED = {"reward": "correctness", "verifier_steps": 1}
"""The reward does not look at the verifier, so it need not be trained."""
COST = {"cost_per_token": 0.03}
FAST = {"verifier_problems": 250, "prover_problems": 480, "prover_steps": 30, "batch": 16, "ppo": TUNED["ppo"]}
TINY = {**FAST, "held_out": 150, "verifier_steps": 80, "verifier_pairs": 32, "batch": 8}
TRIED = {
    "src, .03 a token, fast": {"reward": "src", **COST, **FAST, "verifier_steps": 120},
    "cgc, .03 a token, fast, small batch": {"reward": "cgc", **COST, **TINY},
    "correctness, .03 a token, fast": {**UNSCORED, **COST, **FAST},
}
"""On seed 0. Under both rewards of the game solutions got worse; ``CONDITIONS`` learn more slowly, and are untried."""

GAME, CONTROL, FREE, DECOUPLED = "game", "correctness, same cost", "correctness, no cost", "decoupled"
CONDITIONS = {
    GAME: {"reward": "cgc", **COST},
    CONTROL: {**UNSCORED, **COST},
    FREE: UNSCORED,
}
REGISTERED = f"""
The measure is the accuracy of the simulated checker with a budget of 2 sums on helpful solutions to held-out problems,
after the last round; differences are paired by seed, and one is shown where its 95% interval over the seeds (Student's
t) is above 0.

1. Legibility rises: the measure is higher after `{GAME}` than for the base, and the helpful prover is not right less
   often (that interval is not below 0): solutions that are wrong all over are easy to reject, too.
2. It rises by what the game pays for and not by any training at this price of a token: it is higher after `{GAME}` than
   after `{CONTROL}`.
3. It takes the verifier, not only a reward for being right that outweighs the price: it is higher after `{GAME}` than
   after `{FREE}`. The rewards of `{GAME}` are spread about four times as wide as 0 and 1, so for it a token is cheaper
   than for `{CONTROL}`; this comparison is the one that this can't explain.
4. The decoupled game pays no tax for legibility: the translations of the solutions of `{FREE}` are right more often
   than the solutions of `{GAME}`, and the checker's accuracy on them is not lower (its interval is not below 0).
""".strip()
NAME = "reproduce_legibility"
SHOWN = {
    "base": (GAME, "helpful", "base"),
    "the game": (GAME, "helpful", "trained"),
    CONTROL: (CONTROL, "helpful", "trained"),
    FREE: (FREE, "helpful", "trained"),
    "decoupled: translations": (DECOUPLED, "translator", "trained"),
}
"""What the figure shows: label -> condition, role and moment."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4], help="fresh ones, not 0")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    models = arguments.out / "models"
    warm_start(models)
    tried = {(name, 0): games(arguments.out, name, settings, 0) for name, settings in TRIED.items()}
    played = {
        (name, seed): games(arguments.out, name, settings, seed)
        for seed in arguments.seeds
        for name, settings in CONDITIONS.items()
    }
    play_all(play, [*tried.values(), *played.values()], arguments.jobs)
    translated = {(DECOUPLED, seed): translations(arguments.out, seed) for seed in arguments.seeds}
    play_all(play_translator, list(translated.values()), arguments.jobs)
    results = Results.read(folders(played), folders(translated))
    tried = Results.read(folders(tried), {})
    figures = draw(results, arguments.out, NAME, SHOWN) if arguments.seeds else {}
    compared = {"game": GAME, "control": CONTROL, "free": FREE, "decoupled": DECOUPLED}
    text = table(results, tried, registered=REGISTERED, compared=compared, figures=figures)
    write(arguments.out, NAME, [*results.rows, *tried.rows], text)


def games(out, condition, settings, seed):
    settings, folder = {**settings, "seed": seed}, place(out, condition, seed)
    steps = game_run(folder, out / "models", settings).config.steps
    return Job(f"{condition}, seed {seed}", folder, steps, (out / "models", settings))


def translations(out, seed):
    folder, solved = place(out, DECOUPLED, seed), place(out, FREE, seed)
    config = game_run(solved, out / "models", {"seed": seed}).config
    arguments = (out / "models", solved, {"seed": seed})
    return Job(f"{DECOUPLED}, seed {seed}", folder, config.verifier_steps + config.prover_steps, arguments)


def place(out, condition, seed):
    return out / f"{condition.replace(', ', '_').replace(' ', '_')}_{seed}"


def folders(jobs):
    return {run: job.folder for run, job in jobs.items()}


if __name__ == "__main__":
    main()
