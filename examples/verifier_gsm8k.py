"""The real verifier check: does a small model learn to tell right solutions of real models from wrong ones?

    python examples/verifier_gsm8k.py --path model_solutions.jsonl --out runs/verifier_gsm8k

A score head on a language model is trained on same-problem pairs from half of the problems and measured on the other
half, beside the same model's own Yes/No, the solution's length, and a control that knows nothing but who wrote it. The
file is ``example_model_solutions.jsonl`` of github.com/openai/grade-school-math.
Stop it and run it again: it goes on where it was. Writes ``verifier_gsm8k.md``, ``.json`` and ``.png`` under ``--out``.
"""

import argparse
import json
import platform
import time
from collections import defaultdict
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from oversight_envs import Speech
from oversight_envs.cli.progress import progress
from oversight_envs.cli.screen import stdout
from oversight_envs.core.episode import Episode
from oversight_envs.core.requests import Solution
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.solutions import ScoredSolution, auc, balanced_best_of
from oversight_envs.evaluation.statistics import Estimate, bootstrap, mean
from oversight_envs.judges import LogitVerifier
from oversight_envs.models import load
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks.gsm8k import load_model_solutions
from oversight_envs.training import (
    Checkpoints,
    LabelledSolution,
    MetricsLog,
    VerifierConfig,
    VerifierTrainer,
    balanced_pairs,
    read_metrics,
)
from oversight_envs.training.score_head import score_head

matplotlib.use("Agg")
GAME = ProverVerifier(provers="helpful", max_words=2000)
NAMES = {
    "trained": "trained verifier",
    "yes_no": "same model, zero-shot: log-odds of Yes over No",
    "short": "length: the fewer words the better",
    "writer": "control: the writer's share of right solutions on the training half",
}


class Written(NamedTuple):
    """A solution as the game shows it to its verifier, the model that wrote it, and whether it is right."""

    solution: Solution
    problem: str
    writer: str
    right: bool


def read(path, seed):
    """The training and the test half, by problem."""
    halves = ([], [])
    solutions = load_model_solutions(path)
    problems = sorted({s.question.id for s in solutions})
    if len(problems) < 4:
        raise SystemExit(f"--path {path}: {len(problems)} problems are too few to split; give at least 4")
    order = np.random.default_rng(derive_seed("halves", seed)).permutation(len(problems))
    tested = {problems[i] for i in order[len(order) // 2 :]}
    for s in solutions:
        episode = Episode(GAME, s.question, seed=0)
        episode.answer(episode.asks[0], Speech(s.solution))
        halves[s.question.id in tested].append(Written(episode.asks[0], s.question.id, s.model, s.is_correct))
    return halves


def train(verifier, half, options, tell):
    """Trains on ``epochs`` draws of balanced pairs. Resumes from its checkpoints."""
    model = verifier.model.requires_grad_(False)
    layers = model.base_model.layers
    if options.layers > len(layers):
        raise SystemExit(f"--layers {options.layers}: {options.model} has {len(layers)}")
    for part in (model.score, model.base_model.norm, layers[len(layers) - options.layers :]):
        part.requires_grad_(True)
    attempts = [LabelledSolution(m.problem, m.solution.problem, m.solution.text, m.right) for m in half]
    seeds = [derive_seed("pairs", options.seed, epoch) for epoch in range(options.epochs)]
    pairs = [pair for seed in seeds for pair in balanced_pairs(attempts, np.random.default_rng(seed)).pairs]
    batches = [pairs[i : i + options.batch] for i in range(0, len(pairs), options.batch)]
    config = VerifierConfig(
        learning_rate=options.lr,
        lr_multipliers={"score": 10},
        schedule="linear",
        total_steps=len(batches),
        warmup_steps=max(1, len(batches) // 10),
        max_batch_tokens=2048 if next(model.parameters()).device.type == "cpu" else 32_768,
        seed=options.seed,
    )
    trainer = VerifierTrainer(verifier, config)
    kept = Checkpoints(options.out / "checkpoints", settings(options), keep=1)
    done = (kept.load({"verifier": trainer}) or (0, {}))[0]
    with MetricsLog(options.out, after=done) as log:
        for step in range(done, len(batches)):
            with precision(options, verifier.model):
                log.write(step + 1, trainer.step(batches[step]))
            if (step + 1) % 10 == 0 or step + 1 == len(batches):
                kept.save(step + 1, {"verifier": trainer})
            tell("training steps", step + 1, len(batches), "")
    return {"pairs": len(pairs) // options.epochs, "steps": len(batches)}


def scored(name, score, half, options, tell, size=128):
    """``score(solutions)`` of all solutions, a piece at a time; what was computed before is not computed again.

    Solutions of like length are scored together: less padding, and most of those of one problem in one piece, whose
    prompts a language model then reads once.
    """
    order = sorted(range(len(half)), key=lambda i: len(half[i].solution.problem + half[i].solution.text))
    kept = Checkpoints(options.out / f"scores-{name}", settings(options), keep=1)
    done, extra = kept.load({}) or (0, {"scores": []})
    scores = extra["scores"]
    for start in range(done, len(order), size):
        scores += score([half[i].solution for i in order[start : start + size]])
        kept.save(len(scores), {}, {"scores": scores})
        tell(name, len(scores), len(half), "")
    return np.array(scores)[np.argsort(order)]


def precision(options, model):
    """bfloat16 where asked for; casts are not kept, since the weights change."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=options.bfloat16, cache_enabled=False)


def settings(options):
    """What a result depends on: a folder with other settings is refused."""
    return {name: v for name, v in vars(options).items() if name not in ("path", "out", "device")}


def measures(scores, half):
    """AUC of all and within each writer, and same-problem pairs; 95% intervals over problems."""
    marks = [ScoredSolution(m.problem, m.writer, m.right, True, score) for m, score in zip(half, scores, strict=True)]
    writers, problems = defaultdict(list), defaultdict(list)
    for mark in marks:
        writers[mark.role].append(mark)
        problems[mark.question].append(mark)
    share = {writer: np.mean([mark.right for mark in own]) for writer, own in writers.items()}

    def within(chosen):
        """The mean of the writers' AUCs on some of the problems."""
        rows = {writer: ([], []) for writer in writers}
        for mark in (mark for i in chosen for mark in groups[i]):
            rows[mark.role][0].append(mark.right)
            rows[mark.role][1].append(mark.score)
        return np.mean([roc_auc_score(*row) if len(set(row[0])) == 2 else np.nan for row in rows.values()])

    groups = list(problems.values())
    against = [
        (right.question, (right.score > wrong.score) + (right.score == wrong.score) / 2)
        for own in groups
        for right, wrong in product(own, own)
        if right.right and not wrong.right and share[right.role] < share[wrong.role]
    ]
    spread = bootstrap(len(groups), within, resamples=1000)
    return {
        "auc": auc(marks),
        "within_writers": Estimate(within(range(len(groups))), *spread, len(groups)),
        "pairs": balanced_best_of(marks, 2),
        "against": mean(against),
        **{writer: auc(own) for writer, own in sorted(writers.items())},
    }


def draw(scores, half, path):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for name, values in scores.items():
        false, true, _ = roc_curve([m.right for m in half], values)
        style = {"linewidth": 2} if name == "trained" else {"linewidth": 1, "linestyle": "--"}
        axes.plot(false, true, label=f"{NAMES[name].split(':')[0]} ({name})", **style)
    axes.set(xlabel="wrong solutions above the threshold", ylabel="right solutions above the threshold", aspect=1)
    axes.set_title(f"{len(half):,} solutions of held-out GSM8K problems", fontsize=10)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    figure.savefig(path, dpi=110)


def report(found, options, facts):
    """The page: what was run, and every number with its interval."""
    log = list(read_metrics(options.out))
    thirds = [log[: len(log) // 3], log[-(len(log) // 3) :]] if len(log) >= 3 else [log, log]
    first, last = ([float(np.mean([row[key] for row in part])) for key in ("loss", "accuracy")] for part in thirds)
    given = {name: value for name, value in settings(options).items() if value is not False}
    flags = [f"--{name}" if value is True else f"--{name} {value}" for name, value in given.items()]
    writers = [name for name in found["trained"] if name not in ("auc", "within_writers", "pairs", "against")]
    lines = [
        "# A verifier on real model solutions of GSM8K",
        "",
        f"`python examples/verifier_gsm8k.py --path model_solutions.jsonl --out runs/verifier_gsm8k {' '.join(flags)}`",
        "",
        f"{time.strftime('%Y-%m-%d')}; Python {platform.python_version()}, torch {torch.__version__}, transformers "
        f"{version('transformers')}; {facts['device']}. Trained on {facts['pairs']} same-problem pairs an epoch from "
        f"{facts['train']:,} solutions, measured on {facts['test']:,} solutions of other problems; the top "
        f"{options.layers} layers and the head are trained, {facts['steps']} steps of {options.batch} pairs.",
        "",
        f"Training loss {first[0]:.3f} and pair accuracy {first[1]:.0%} over the first third of the steps, "
        f"{last[0]:.3f} and {last[1]:.0%} over the last (before each update).",
        "",
        "95% intervals over problems. *Within writers*: mean of the AUCs among the solutions of one model, so that "
        "telling writers apart does not help. *Pairs*: how often the right one of two solutions of one problem scores "
        "higher; *against the writer*: those pairs whose right solution is by the model that is right less often.",
        "",
        "| score | AUC | AUC within writers | pairs | pairs against the writer |",
        "|---|---|---|---|---|",
    ]
    for name, row in found.items():
        cells = [row["auc"].text(), row["within_writers"].text()]
        lines.append(
            f"| {NAMES[name]} | {' | '.join([*cells, *(row[k].text('percent') for k in ('pairs', 'against'))])} |"
        )
    lines += ["", f"| AUC among the solutions of | {' | '.join(writers)} |", "|---|" + "---|" * len(writers)]
    for name in ("trained", "yes_no", "short"):
        lines.append(f"| {NAMES[name]} | {' | '.join(found[name][w].text() for w in writers)} |")
    return "\n".join([*lines, "", "![ROC curves](verifier_gsm8k.png)", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, required=True, help="the file with the models' solutions")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--layers", type=int, default=10, help="how many of the top layers are trained")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8, help="pairs in one step")
    parser.add_argument("--lr", type=float, default=5e-5, help="the head's is ten times this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bfloat16", action="store_true", help="autocast: about 2.7 times as fast on a CPU with AVX-512 BF16"
    )
    parser.add_argument("--device")
    options = parser.parse_args()
    training, test = read(options.path, options.seed)
    lm = load(options.model, device=options.device)
    verifier = score_head(lm, seed=options.seed)
    with progress(stdout()) as tell:
        facts = train(verifier, training, options, tell)
        with precision(options, verifier.model):
            scores = {"trained": scored("trained", verifier.score, test, options, tell)}
        scores["yes_no"] = scored("yes_no", LogitVerifier(lm).score, test, options, tell)
    writers = {m.writer: np.mean([o.right for o in training if o.writer == m.writer]) for m in training}
    scores["short"] = -np.array([len(m.solution.text.split()) for m in test])
    scores["writer"] = np.array([writers[m.writer] for m in test])
    found = {name: measures(values, test) for name, values in scores.items()}
    facts |= {"train": len(training), "test": len(test), "device": lm.model.device.type}
    numbers = {name: {k: [e.value, e.low, e.high, e.n] for k, e in row.items()} for name, row in found.items()}
    page = report(found, options, facts)
    (options.out / "verifier_gsm8k.json").write_text(json.dumps({**facts, "scores": numbers}, indent=1) + "\n")
    (options.out / "verifier_gsm8k.md").write_text(page)
    draw(scores, test, options.out / "verifier_gsm8k.png")
    print(page)


if __name__ == "__main__":
    main()
