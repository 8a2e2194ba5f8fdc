"""Makes the warm-started models of the prover-verifier game on arithmetic: a prover, and a verifier's language model.

    python examples/warm_start/arithmetic.py [prover] [verifier] [--measure]

The prover learns to write every step out, then also to be brief, and in its sneaky role to plant one error. It stays
under-trained on purpose: a helpful prover that is always right would leave nothing to learn. The verifier first only
learns to read solutions, a third of them wrong. Each round of training then gives that model a fresh score head; what
a short training of that kind reaches on the base prover's solutions is measured here too.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import torch
from arithmetic_solutions import GAME, MIXED, VERBOSE, Solutions
from fitting import fit, fresh_model, one_thread, report, save
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.core.prompt import Message
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges import CallableJudge, RewardModelVerifier
from oversight_envs.models import load
from oversight_envs.models.tiny import TinyForCausalLM, TinyForSequenceClassification, arithmetic_tokenizer
from oversight_envs.models.tiny.number_embeddings import give_numbers_meaning
from oversight_envs.models.tiny.tokenizers import number_tokens
from oversight_envs.play import rollout
from oversight_envs.tasks.arithmetic import Arithmetic

PROVER = {"hidden_size": 64, "num_blocks": 2, "num_attention_heads": 4, "ngram": 6}
VERIFIER = {"hidden_size": 40, "num_blocks": 2, "num_attention_heads": 4, "ngram": 4}
PROBLEMS = 20_000
BATCH = 128
ROLES = ("helpful_0", "sneaky_0")
HELPFUL_WRONG, READ_WRONG = 0.12, 0.30


def warm_prover() -> None:
    save(*prover(), "arithmetic-prover")


def prover(verbose_steps: int = 300, mixed_steps: int = 900, *, seed: int = 0) -> tuple[TinyForCausalLM, Any]:
    """Half the batch helpful, half sneaky; first only right solutions with every step, whatever the role.

    ``seed`` 0 is the shipped model's; another has other first weights and other problems.
    """
    tokenizer = arithmetic_tokenizer()
    data = Solutions(tokenizer, "train", PROBLEMS, first=2_000_000 * seed)
    model = fresh_model(tokenizer, "arithmetic-prover" + (f" {seed}" if seed else ""), **PROVER)
    give_numbers_meaning(model, number_tokens(tokenizer), torch.Generator().manual_seed(1 + 1000 * seed))

    def loss_at(step: int) -> Tensor:
        rows = []
        for place, index in enumerate(data.rng.integers(len(data.questions), size=BATCH).tolist()):
            sneaky = place % 2
            wrong = step >= verbose_steps and (bool(sneaky) or data.rng.random() < HELPFUL_WRONG)
            styles = VERBOSE if step < verbose_steps else MIXED
            rows.append((data.prompts[index][sneaky], data.write(index, wrong=wrong, styles=styles)))
        return next_token_loss(model, *data.batch(rows))

    model.train()
    steps = verbose_steps + mixed_steps
    fit("prover", [{"params": list(model.parameters()), "lr": 3e-3}], loss_at, steps=steps)
    return model, tokenizer


def warm_verifier() -> None:
    save(*reader(VERIFIER), "arithmetic-verifier")


def reader(
    shape: dict[str, int], steps: int = 400, *, number_meaning: bool = True, seed: int = 0
) -> tuple[TinyForCausalLM, Any]:
    """A language model of problems and solutions, in the chat that ``RewardModelVerifier`` reads; and its tokenizer.

    ``number_meaning`` says whether its number embeddings start out with what the numbers are (see
    ``models/tiny/number_embeddings.py``); ``seed`` 0 is the shipped model's.
    """
    tokenizer = arithmetic_tokenizer()
    data = Solutions(tokenizer, "train", PROBLEMS, first=1_000_000 + seed * PROBLEMS)
    model = fresh_model(tokenizer, "arithmetic-verifier" + (f" {seed}" if seed else ""), **shape)
    if number_meaning:
        give_numbers_meaning(model, number_tokens(tokenizer), torch.Generator().manual_seed(2 + seed))

    def loss_at(_: int) -> Tensor:
        rows = []
        for index in data.rng.integers(len(data.questions), size=BATCH).tolist():
            wrong = data.rng.random() < READ_WRONG
            rows.append((data.problems[index], data.write(index, wrong=wrong, styles=MIXED)))
        return next_token_loss(model, *data.batch(rows))

    model.train()
    fit("verifier", [{"params": list(model.parameters()), "lr": 3e-3}], loss_at, steps=steps)
    return model, tokenizer


def next_token_loss(model: torch.nn.Module, ids: Tensor, targets: Tensor) -> Tensor:
    logits = model(ids).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=-100)


def measure(problems: int = 1000) -> list[tuple[str, str]]:
    """Plays problems, trains a score head on the base prover's solutions, and tests it on those to other problems."""
    prover = LanguageModelAgent(load("tiny-arithmetic-prover"), max_new_tokens=48)
    players = {"helpful_0": prover, "sneaky_0": prover, "verifier_0": CallableJudge(scores=lambda solution: 0.0)}
    seen = rollout(GAME, Arithmetic("train", style="chain"), players, questions=problems)
    started = time.process_time()
    players["verifier_0"] = train_head(seen)
    cpu = time.process_time() - started
    unseen = rollout(GAME, Arithmetic("validation", style="chain"), players, questions=problems)
    rows = []
    for role in ROLES:
        texts = [_text(record, role) for record in unseen]
        answered = [record.answers.get(role) is not None for record in unseen]
        steps = [round(float(np.mean([text.count("=") == n for text in texts])), 2) for n in (3, 2, 1)]
        rows.append((f"prover, {role}: right", f"{np.mean([record.correct[role] for record in unseen]):.3f}"))
        rows.append((f"prover, {role}: with a final answer", f"{np.mean(answered):.3f}"))
        rows.append((f"prover, {role}: solutions of 3, 2, 1 lines", ", ".join(map(str, steps))))
    scores = np.array([scored.value for record in unseen for scored in record.scores])
    right = np.array([record.correct[scored.author] for record in unseen for scored in record.scores])
    rows.append((f"verifier, after {cpu:.0f} CPU-s of training on the base prover's: AUC", f"{auc(scores, right):.3f}"))
    return rows


def train_head(records: list[Record], steps: int = 250, size: int = 64) -> RewardModelVerifier:
    """-log sigmoid(V1 - V2) over all pairs of 64 right and 64 wrong solutions, and a pull of V towards 0."""
    base = load("tiny-arithmetic-verifier")
    model = TinyForSequenceClassification.from_language_model(base.model, seed=0)
    verifier = RewardModelVerifier(model, base.tokenizer, name="score head", batch_size=256)
    solved = [(record, role) for record in records for role in ROLES]
    right = np.array([record.correct[role] for record, role in solved])
    chats = [(Message("user", r.question.text), Message("assistant", _text(r, role))) for r, role in solved]
    encoded = [verifier.chat.encode(chat, closed=True) for chat in chats]
    pad = base.tokenizer.pad_token_id
    rng = np.random.default_rng(derive_seed("verifier check"))
    trunk = [p for name, p in model.named_parameters() if not name.startswith("score.")]

    def loss_at(_: int) -> Tensor:
        chosen = np.concatenate([rng.choice(np.flatnonzero(right == truth), size=size) for truth in (True, False)])
        rows = [encoded[index] for index in chosen]
        width = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
        scores = model(ids, attention_mask=(ids != pad).long()).logits[:, 0]
        margins = scores[:size, None] - scores[None, size:]
        return -F.logsigmoid(margins).mean() + 0.02 * scores.square().mean()

    model.train()
    groups = [{"params": trunk, "lr": 5e-4}, {"params": list(model.score.parameters()), "lr": 5e-3}]
    fit("score head", groups, loss_at, steps=steps, warmup=20)
    model.eval()
    return verifier


def _text(record: Record, role: str) -> str:
    return next(statement.text for statement in record.transcript if statement.role == role)


def auc(scores: np.ndarray, right: np.ndarray) -> float:
    """The chance that a right solution scores higher than a wrong one."""
    return float((scores[right][:, None] > scores[~right][None]).mean())


def main(arguments: list[str]) -> None:
    chosen = [a for a in arguments if not a.startswith("-")] or ["prover", "verifier"]
    started = time.process_time()
    with one_thread():
        if "--measure" not in arguments:
            if "prover" in chosen:
                warm_prover()
            if "verifier" in chosen:
                warm_verifier()
        command = " ".join(["python examples/warm_start/arithmetic.py", *arguments])
        report("arithmetic", command, measure(), time.process_time() - started)


if __name__ == "__main__":
    main(sys.argv[1:])
