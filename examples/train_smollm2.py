"""A real model learns to debate, to prove, to judge and to teach: SmolLM2-135M, or any other (``--model org/name``).

    python examples/train_smollm2.py debate --task quality --task-option path=quality.jsonl --out runs/debate
    python examples/train_smollm2.py prover-verifier --task gsm8k --task-option path=gsm8k --out runs/proofs --lora 16
    python examples/train_smollm2.py weak-to-strong --task quality --task-option path=quality.jsonl --strong org/name \
        --out runs/students

Everybody starts as the same model: debaters, judge and blind judge in the first game, provers and verifier (with a
score head) in the second, weak judge and student in the third, unless ``--strong`` names another for the latter and for
the debaters. ``--lora RANK`` trains adapters in place of all weights. A GPU is used where there is one; on a CPU it is
the same code, for a few steps with short speeches. Stop it and run it again: it goes on from its last checkpoint.
"""

import argparse
import json
from pathlib import Path

from peft import LoraConfig

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.cli.options import build_task
from oversight_envs.cli.progress import progress
from oversight_envs.cli.screen import stdout
from oversight_envs.core.question import Task
from oversight_envs.models import fit_passage, load
from oversight_envs.protocols import Debate, Direct, ProverVerifier
from oversight_envs.protocols.debate import DEBATERS
from oversight_envs.training import JudgeConfig, PPOConfig, TextPolicy, VerifierConfig, add_lora
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.debate.run import DebateRun
from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig
from oversight_envs.training.recipes.prover_verifier.run import ProverVerifierRun
from oversight_envs.training.recipes.weak_to_strong.config import WeakToStrongConfig
from oversight_envs.training.recipes.weak_to_strong.reading import Reading
from oversight_envs.training.recipes.weak_to_strong.run import WeakToStrongRun
from oversight_envs.training.score_head import score_head


class Cut(Task):
    """A task with its passages cut to a number of tokens, so that speeches and instructions fit the context too."""

    def __init__(self, task, lm, tokens):
        self.task, self.lm, self.tokens = task, lm, tokens
        self.name, self.split, self.checkable = task.name, task.split, task.checkable

    def __len__(self):
        return len(self.task)

    def __getitem__(self, index):
        return fit_passage(self.task[index], self.lm, self.tokens)

    def check(self, question, answer):
        return self.task.check(question, answer)


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("game", choices=("debate", "prover-verifier", "weak-to-strong"))
    parser.add_argument("--task", required=True, help="quality, gsm8k, stories, arithmetic, or package.module:Class")
    parser.add_argument("--task-option", action="append", default=[], metavar="KEY=VALUE", help="but not the split")
    parser.add_argument("--splits", nargs=2, default=("train", "test"), help="to train on and to measure on")
    parser.add_argument("--passage-tokens", type=int, default=4096, help="longer passages are cut")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--strong", help="the model that learns from a weak judge, --model (default: the same model)")
    parser.add_argument(
        "--debates", type=int, nargs="+", default=(0, 1), help="that the weak judge reads of a question"
    )
    parser.add_argument("--device", help="a GPU if there is one, by default")
    parser.add_argument("--lora", type=int, metavar="RANK", help="train adapters; all weights by default")
    parser.add_argument("--lr", type=float, help="1e-5, or 1e-4 with --lora, by default")
    parser.add_argument("--steps", type=int, default=50, help="of each stage; every question is played once in them")
    parser.add_argument("--batch", type=int, default=16, help="questions in one step")
    parser.add_argument("--samples", type=int, default=4, help="episodes on each question of a step")
    parser.add_argument("--held-out", type=int, default=100, help="questions to measure on")
    parser.add_argument("--max-new-tokens", type=int, default=200)
    parser.add_argument("--temperature", type=float, default=1.0, help="at which debaters and provers sample")
    parser.add_argument("--rounds", type=int, default=3, help="of the prover-verifier game")
    parser.add_argument("--verifier-problems", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(arguments)


def build(options):
    """The run: a ``DebateRun``, a ``ProverVerifierRun`` or a ``WeakToStrongRun``."""
    lm = load(options.model, device=options.device)
    tasks = [build_task(options.task, [*options.task_option, f"split={split}"])[0] for split in options.splits]
    train, test = (Cut(task, lm, options.passage_tokens) for task in tasks)
    lora = (
        LoraConfig(r=options.lora, lora_alpha=2 * options.lora, target_modules="all-linear") if options.lora else None
    )
    rate = options.lr or (1e-4 if options.lora else 1e-5)
    shape = {"batch": options.batch, "held_out": options.held_out, "seed": options.seed}
    rl = {"samples": options.samples, "ppo": PPOConfig(estimator="rloo", learning_rate=rate, seed=options.seed)}
    speaking = {"max_new_tokens": options.max_new_tokens, "temperature": options.temperature}

    def policy():
        return TextPolicy(lm, lora=lora, seed=options.seed, **speaking)

    def judge(lm=lm):
        own = lm.copy()
        if lora:
            add_lora(own.model, lora, seed=options.seed)
        return own

    parts = {"train": train, "test": test, "folder": options.out}
    questions = options.steps * options.batch
    if options.game == "debate":
        return DebateRun(
            DebateConfig(
                questions=questions, epochs=1, evaluations=2, judge=JudgeConfig(learning_rate=rate), **shape, **rl
            ),
            game=Debate(both_orders=True),
            blind=Direct(both_orders=True),
            policy=policy(),
            initial=LanguageModelAgent(lm, **speaking),
            judge=judge(),
            blind_judge=judge(),
            held_out_judge=lm,  # as it was: the debaters' own judge leaves it behind
            **parts,
        )
    if options.game == "weak-to-strong":
        strong = load(options.strong or options.model, device=options.device)
        learning = {"weak": JudgeConfig(learning_rate=rate), "student": JudgeConfig(learning_rate=rate)}
        sizes = {"weak_questions": questions, "student_questions": questions, "debates": tuple(options.debates)}
        debater = LanguageModelAgent(strong, **speaking)
        return WeakToStrongRun(
            WeakToStrongConfig(**sizes, **learning, **shape),
            blind=Reading(Direct(both_orders=True)),
            debate=Reading(Debate(both_orders=True), dict.fromkeys(DEBATERS, debater)),
            student=Reading(Direct(expert=True, both_orders=True)),
            weak=judge,
            strong=lambda: judge(strong),
            **parts,
        )
    shape |= {
        **rl,
        "rounds": options.rounds,
        "verifier_problems": options.verifier_problems,
        "prover_problems": questions,
        "best_of_solutions": 8,
    }
    shape |= dict.fromkeys(("verifier_steps", "prover_steps", "checker_steps"), options.steps)
    verifier = VerifierConfig(learning_rate=rate, lr_multipliers={"score": 10}, seed=options.seed)
    return ProverVerifierRun(
        ProverVerifierConfig(verifier=verifier, verifier_pairs=options.batch, **shape),
        game=ProverVerifier(),
        policy=policy,
        verifier=lambda seed: score_head(lm, seed=seed, lora=lora),
        **parts,
    )


def main():
    run = build(parse())
    with progress(stdout()) as tell:
        # a step is a number, or a round's progress
        rows = run.run(lambda step, *_: tell("steps", getattr(step, "step", step), run.config.steps, ""))
    for row in rows:
        print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
