"""Fine-tunes a model on GSM8K's own solutions, so that it is right sometimes: where reinforcement learning can begin.

    python examples/warm_start/gsm8k.py --path gsm8k --out runs/warm
    python examples/train_smollm2.py prover-verifier --task gsm8k --task-option path=gsm8k --model runs/warm/model ...

``--path`` is a folder with ``train.jsonl`` and ``test.jsonl`` of github.com/openai/grade-school-math. It learns to
answer the prover-verifier game's own prompt (of the helpful prover) as the reference solution does: calculator marks
such as ``<<48/2=24>>`` are left out, since nobody calculates for a prover here and a verifier should not read them, and
the last line is ``Answer: 24``, as the game asks, in place of ``#### 24``. It is measured, greedily, on test problems.
Stop it and run it again: it goes on from its last checkpoint. A GPU is used where there is one.
"""

import argparse
import json
import platform
import shlex
import sys
import time
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

import torch
from peft import LoraConfig

from oversight_envs import rollout
from oversight_envs.agents import LanguageModelAgent
from oversight_envs.cli.progress import progress
from oversight_envs.cli.screen import stdout
from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import Message
from oversight_envs.evaluation.statistics import Estimate, share
from oversight_envs.models import load
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks.gsm8k import GSM8K
from oversight_envs.training import Checkpoints, MetricsLog, TextPolicy, read_metrics
from oversight_envs.training.checkpoint import write_lines
from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.minibatches import epoch_batch
from oversight_envs.training.samples import TokenSequence
from oversight_envs.training.supervised import SupervisedTrainer

GAME = ProverVerifier(provers="helpful", verifier=False)
TEMPERATURE = 0.7
UNCHANGING = ("model", "lora", "batch", "longest", "held_out", "max_new_tokens", "bfloat16", "seed")
"""Options that a run keeps when it goes on; steps may be added."""


class SolutionTrainer(SupervisedTrainer[TokenSequence]):
    """Trains a policy, in place, to write given texts: an example's loss is the mean of -log p over its own tokens."""

    learner = "model"
    counted = "examples"
    statistics = ("loss", "tokens")

    def __init__(self, policy, config):
        self.policy = policy
        super().__init__(policy.lm.model, config)

    @property
    def identity(self):
        return {"type": "SolutionTrainer", "config": self._settings.plain(), "origin": self._origin}

    def step(self, examples):
        return self._step(examples)

    def _length(self, example):
        return len(example.ids)

    def _losses(self, examples):
        owned = [len(example.own) for example in examples]
        losses = torch.stack([-part.mean() for part in self.policy.evaluate(examples).log_probs.split(owned)])
        return losses, torch.stack([losses.detach().double().sum(), torch.tensor(sum(owned), dtype=torch.float64)])


def solutions(task, lm, longest):
    """The reference solutions as the helpful prover would write them, those of at most ``longest`` tokens in all."""
    found = []
    for index in range(len(task)):
        question = task[index]
        prompt = Episode(GAME, question, seed=0).asks[0].prompt
        steps = question.metadata["solution"].rpartition("####")[0].strip()
        text = f"{steps}\nAnswer: {question.truth}"
        begins = len(lm.encode(prompt))
        ids = lm.chat.encode((*prompt, Message("assistant", text)), closed=True)
        end = next(place for place in range(begins, len(ids)) if ids[place] in lm.chat.end_ids)
        if end < longest:
            found.append(TokenSequence(tuple(ids[: end + 1]), tuple(range(begins, end + 1)), ()))
    return found


def right(lm, task, questions, options):
    """How many of ``questions`` the model solves, greedily, and how many of its solutions end in an answer."""
    agent = LanguageModelAgent(lm, max_new_tokens=options.max_new_tokens, temperature=0)
    records = rollout(GAME, task, {"helpful_0": agent}, questions=questions, concurrency=64)
    lm.forget()
    return {
        "right": asdict(share((r.question.id, float(r.correct["helpful_0"])) for r in records)),
        "answered": asdict(share((r.question.id, float(r.answers["helpful_0"] is not None)) for r in records)),
    }


def drawn(lm, task, questions, options):
    """How often a drawn solution is right, and how many problems have a right one among ``options.draws``."""
    agent = LanguageModelAgent(lm, max_new_tokens=options.max_new_tokens, temperature=TEMPERATURE)
    records = rollout(
        GAME, task, {"helpful_0": agent}, questions=questions, samples=options.draws, seed=options.seed, concurrency=64
    )
    lm.forget()
    found = {}
    for record in records:
        found.setdefault(record.question.id, []).append(float(record.correct["helpful_0"]))
    return {
        "draws": options.draws,
        "a draw": asdict(share((question, fmean(right)) for question, right in found.items())),
        "any": asdict(share((question, max(right)) for question, right in found.items())),
    }


def train(options):
    """Trains to step ``--steps``, or goes on to it; the page tells of each point that was measured, as it is."""
    lm = load(options.model, device=options.device)
    lora = (
        LoraConfig(r=options.lora, lora_alpha=2 * options.lora, target_modules="all-linear") if options.lora else None
    )
    policy = TextPolicy(lm, lora=lora, reference=False, seed=options.seed)
    on_cpu = policy.lm.model.device.type == "cpu"
    examples = solutions(GSM8K(options.path, "train"), lm, options.longest)
    test = GSM8K(options.path, "test")
    questions = test.sample(options.held_out, seed=options.seed)
    config = TrainingConfig(
        learning_rate=options.lr or (2e-4 if lora else 1e-4),
        warmup_steps=10,
        max_batch_tokens=4096 if on_cpu else 32_768,
        seed=options.seed,
    )
    trainer = SolutionTrainer(policy, config)
    shape = {name: getattr(options, name) for name in UNCHANGING}
    kept = Checkpoints(options.out / "checkpoints", shape, keep=1)
    done = (kept.load({"model": trainer}) or (0, {}))[0]
    place = options.out / "evaluations.jsonl"
    rows = [json.loads(line) for line in place.read_text("utf-8").splitlines()] if place.exists() else []
    rows = [row for row in rows if row["step"] <= done]
    measured = {*range(0, options.steps, options.evaluate_every), options.steps}
    facts = {"examples": len(examples), "device": policy.lm.model.device.type, "rate": config.learning_rate}

    def tell_rows():
        write_lines(place, rows)
        (options.out / "warm_start_gsm8k.md").write_text(report(rows, facts, options), encoding="utf-8")

    with progress(stdout()) as tell, MetricsLog(options.out, after=done) as log:
        for step in range(done, options.steps + 1):
            if step in measured and all(row["step"] != step for row in rows):
                began = time.process_time()
                found = right(policy.lm, test, questions, options)
                rows.append({"step": step, **found, "cpu_seconds": time.process_time() - began})
                tell_rows()
                kept.save(step, {"model": trainer})
            if step == options.steps:
                break
            began = time.process_time()
            with precision(options, policy.lm.model):
                statistics = trainer.step(epoch_batch(examples, step, options.batch, options.seed))
            log.write(step + 1, {**statistics, "cpu_seconds": time.process_time() - began})
            if (step + 1) % options.checkpoint_every == 0:
                kept.save(step + 1, {"model": trainer})
            tell("training steps", step + 1, options.steps, "")
    if options.draws and rows[-1].get("drawn", {}).get("draws") != options.draws:
        began = time.process_time()
        rows[-1]["drawn"] = drawn(policy.lm, test, questions, options)
        rows[-1]["cpu_seconds"] += time.process_time() - began
        tell_rows()
    policy.save(options.out / "model")


def precision(options, model):
    """bfloat16 where asked for; casts are not kept, since the weights change."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=options.bfloat16, cache_enabled=False)


def report(rows, facts, options):
    metrics = list(read_metrics(options.out))
    cpu = sum(row["cpu_seconds"] for row in (*rows, *metrics)) / 60
    packages = ", ".join(f"{name} {version(name)}" for name in ("oversight-envs", "torch", "transformers"))
    kind = "bfloat16 autocast over float32 weights" if options.bfloat16 else "float32"
    lines = [
        f"# {options.model} warm-started on GSM8K",
        "",
        f"`python {shlex.join(sys.argv)}`, {date.today()}, {packages}, Python {platform.python_version()}; "
        f"{facts['device']}, {torch.get_num_threads()} threads, {kind}; {cpu:.0f} minutes of CPU time.",
        "",
        f"Trained on {rows[-1]['step'] * options.batch} problems, of {facts['examples']} of at most {options.longest} "
        f"tokens, {options.batch} in a step, with learning rate {facts['rate']:g}, "
        f"{f'LoRA of rank {options.lora}' if options.lora else 'all weights'}. "
        f"Measured on {options.held_out} test problems, the same each time, greedily, with at most "
        f"{options.max_new_tokens} tokens. 95% intervals over problems (Wilson).",
        "",
        "| step | problems read | loss, nats a token | right | gives an answer |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        before = [m["loss"] for m in metrics if row["step"] - 20 < m["step"] <= row["step"]]
        loss = f"{sum(before) / len(before):.3f}" if before else "–"
        shares = (Estimate(**row[name]).text("percent") for name in ("right", "answered"))
        lines.append(f"| {' | '.join([str(row['step']), str(row['step'] * options.batch), loss, *shares])} |")
    lines += ["", "Loss: mean over the last (at most 20) steps before, each taken before its update.", ""]
    if told := rows[-1].get("drawn"):
        one, some = (Estimate(**told[name]).text("percent") for name in ("a draw", "any"))
        lines += [
            f"Of {told['draws']} solutions of each problem, drawn after the last step at temperature {TEMPERATURE}, "
            f"{one} are right; {some} of the problems have a right one among them.",
            "",
        ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, required=True, help="the folder with train.jsonl and test.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder; the trained model is put in its folder model")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--device", help="a GPU if there is one, by default")
    parser.add_argument("--lora", type=int, metavar="RANK", help="train adapters; all weights by default")
    parser.add_argument("--lr", type=float, help="1e-4, or 2e-4 with --lora, by default")
    parser.add_argument("--steps", type=int, default=1400, help="to which step to train: 3 epochs by default")
    parser.add_argument("--batch", type=int, default=16, help="problems in one step")
    parser.add_argument("--longest", type=int, default=512, help="tokens of a problem with its solution")
    parser.add_argument("--held-out", type=int, default=150, help="test problems to measure on")
    parser.add_argument("--evaluate-every", type=int, default=200, help="steps; before and after training, too")
    parser.add_argument("--max-new-tokens", type=int, default=200)
    parser.add_argument("--draws", type=int, default=0, help="solutions to draw of each test problem in the end")
    parser.add_argument(
        "--bfloat16", action="store_true", help="train in autocast; on a CPU it needs AVX-512 BF16 to be faster"
    )
    parser.add_argument("--checkpoint-every", type=int, default=50, help="steps")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    train(options)
    print((options.out / "warm_start_gsm8k.md").read_text("utf-8"))


if __name__ == "__main__":
    main()
