"""What ``reproduce_legibility.py`` plays: the game and its controls on chains of five sums, and a translator."""

from functools import partial

import torch

from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges import CallableJudge
from oversight_envs.models import load
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier
from oversight_envs.protocols.prover_verifier import TRANSLATOR
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.training import PPO, MetricsLog, PPOConfig, TextPolicy, VerifierTrainer
from oversight_envs.training.minibatches import epoch_batch
from oversight_envs.training.mixtures import Mixture
from oversight_envs.training.recipes.prover_verifier.config import HELPFUL, ProverVerifierConfig
from oversight_envs.training.recipes.prover_verifier.run import ProverVerifierRun
from oversight_envs.training.recipes.prover_verifier.tiny import TUNED
from oversight_envs.training.score_head import score_head
from oversight_envs.training.verifiers import LabelledSolution

from .kept import keep_found
from .legibility_models import SUMS

WORDING = "tiny_prover_verifier"
TRANSLATIONS = "translations"
MAX_NEW_TOKENS = 64
"""Five lines of a sum each, and the answer, are 39."""
SHAPE = {
    "rounds": 1, "verifier_problems": 400, "prover_problems": 960, "held_out": 200, "held_out_solutions": 2,
    "verifier_steps": 100, "verifier_pairs": 48, "prover_steps": 40, "attack_steps": 0, "best_of_solutions": 1,
    "ppo": PPOConfig(estimator="reinforce", learning_rate=5e-4, kl_coef=0.03, epochs=2), "concurrency": 256,
    "checkpoint_every": 10, "checkers": 1, "checker_steps": 1, "discriminator_every": 1000,
}  # fmt: skip
"""One round; the recipe's measures that this reproduction does not read are as short as they can be."""


def play(folder, models, settings):
    """One run of the game, or of a control without a verifier's score, to its end; in a process of its own."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    game_run(folder, models, settings).run()


def game_run(folder, models, settings):
    return ProverVerifierRun(
        ProverVerifierConfig(**{**TUNED, **SHAPE, **settings}),
        game=ProverVerifier(wording=WORDING),
        train=Arithmetic("train", style="chain", steps=SUMS),
        test=Arithmetic("test", style="chain", steps=SUMS),
        policy=partial(policy, models / "prover"),
        verifier=partial(fresh_verifier, models),
        folder=folder,
    )


def policy(folder):
    return TextPolicy(load(str(folder)), max_new_tokens=MAX_NEW_TOKENS)


def fresh_verifier(models, seed):
    verifier = score_head(load(str(models / "verifier")), seed=seed)
    verifier.batch_size = 256  # so small that a batch of few costs as much
    return verifier


def play_translator(folder, models, solved, settings):
    """The decoupled game (arXiv 2602.23248): the run in ``solved`` gives the solver, trained for correctness alone.

    A verifier learns from the untrained translator's versions of the solver's solutions, then the translator is trained
    against it for the log-probability of the truth, and -5 where it changes the answer. The solver stays as it is.
    """
    torch.set_num_threads(1)
    solver, first = policy(solved / f"round-{SHAPE['rounds'] - 1}" / "provers"), policy(models / "translator")
    make = partial(translations, folder, models, solved, settings, solver, first)
    made_by = (translations, settings, solver, first, fresh_verifier(models, settings["seed"]))
    keep_found(folder / TRANSLATIONS, make, made_by)


def translations(folder, models, solved, settings, solver, first):
    """The rows of ``play_translator``, of the untrained translator ``first`` and of the trained one."""
    run = game_run(solved, models, settings)  # for its shape and its problems
    shape, problems = run.config, run.solutions
    translator = PPO(first, (TRANSLATOR,), shape.ppo)
    game = ProverVerifier(wording=WORDING, provers="helpful", translator=True)

    def translated(task, questions, samples, verifier, *drawn, **options):
        for model in (solver, translator.policy):
            model.lm.forget()
        players = {HELPFUL: solver, TRANSLATOR: translator.policy, "verifier_0": verifier}
        return rollout(game, task, players, questions=questions, samples=samples, reward="translated",
                       seed=derive_seed(shape.seed, *drawn), concurrency=shape.concurrency, **options)  # fmt: skip

    nobody = CallableJudge(scores=lambda solution: 0.0)
    pool = translated(problems.train, problems.verifier_problems, shape.solutions, nobody, "pool")
    verifier = fresh_verifier(models, shape.seed)
    trainer = VerifierTrainer(verifier, shape.verifier)
    mixture = Mixture([[labelled(record) for record in pool]], shape.seed)
    written = {"base": translated(problems.test, problems.held_out, shape.held_out_solutions, nobody, "held-out")}
    with MetricsLog(folder) as log:
        for step in range(shape.verifier_steps):
            log.write(step + 1, trainer.step(mixture.pairs(step, shape.verifier_pairs)))
        for step in range(shape.prover_steps):
            batch = epoch_batch(problems.prover_problems, step, shape.batch, shape.seed)
            records = translated(problems.train, batch, shape.samples, verifier, "step", step)
            log.write(shape.verifier_steps + step + 1, translator.step(records))
    written["trained"] = translated(problems.test, problems.held_out, shape.held_out_solutions, verifier, "held-out")
    return [{"when": when, **row(record)} for when, records in written.items() for record in records]


def row(record):
    return {
        "id": record.question.id,
        "problem": record.question.text,
        "truth": record.question.truth,
        "answer": record.answers[HELPFUL],
        "solver_right": record.correct[HELPFUL],
        "text": translation(record),
    }


def translation(record):
    return next(statement.text for statement in record.transcript if statement.role == TRANSLATOR)


def labelled(record):
    """A translation, by whether the solution that it translates is right: that is what the translator is paid for."""
    return LabelledSolution(record.question.id, record.question.text, translation(record), record.correct[HELPFUL])
