"""What the warm-start scripts share: a training loop, and where models and numbers are put."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from oversight_envs.core.seeding import derive_seed
from oversight_envs.models.tiny import TinyConfig, TinyForCausalLM, weights_folder

HEAD = """# What the warm starts reached

`stories.py` and `arithmetic.py` train and measure; with `--measure` they measure the models that are there. On one
thread of a shared 2-core machine the debater took 201 CPU-s, the judges 195 each, the prover 115 and the verifier's
language model 24, and about 20 more for each pool of stories. The intervals are 95%.
"""
RESULTS = Path(__file__).with_name("RESULTS.md")


def fresh_model(tokenizer: Any, name: str, **shape: int) -> TinyForCausalLM:
    """An untrained model whose weights depend on its name and shape alone."""
    config = TinyConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        answer_token_id=tokenizer.convert_tokens_to_ids("<assistant>"),
        **shape,
    )
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("warm start", name))
        return TinyForCausalLM(config)


def fit(
    name: str,
    parameters: Iterable[dict[str, Any]],
    loss_at: Callable[[int], Tensor],
    *,
    steps: int,
    warmup: int = 100,
    constant: bool = False,
    betas: tuple[float, float] = (0.9, 0.98),
) -> None:
    """AdamW on ``loss_at(step)``: ``warmup`` steps of rising rate, then linear decay (or a constant rate)."""
    optimiser = torch.optim.AdamW(list(parameters), weight_decay=0.01, betas=betas)
    rates = [group["lr"] for group in optimiser.param_groups]
    started, total, since = time.process_time(), 0.0, 0
    for step in range(steps):
        scale = min(1.0, (step + 1) / warmup) * (1.0 if constant else max(0.02, 1 - step / steps))
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * scale
        optimiser.zero_grad()
        loss = loss_at(step)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()
        total, since = total + loss.item(), since + 1
        if since == 250 or step == steps - 1:
            cpu = time.process_time() - started
            print(f"{name}: step {step + 1}/{steps}, loss {total / since:.4f}, {cpu:.0f} CPU-s", flush=True)
            total, since = 0.0, 0


def save(model: TinyForCausalLM, tokenizer: Any, name: str) -> None:
    """Puts the model among the package's weights, as ``tiny-<name>``."""
    folder = weights_folder(name)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def one_thread() -> Any:
    """One thread, so that the sums, and with them the weights, come out the same whatever machine runs this."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def report(section: str, command: str, rows: list[tuple[str, str]], cpu: float) -> None:
    """Prints a table and puts it into RESULTS.md, in place of an earlier one of this section."""
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "transformers", "numpy"))
    table = "\n".join(["| what | reached |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])
    text = f"## {section}\n`{command}`, {date.today()}, {versions}, {cpu:.0f} CPU-s on one thread.\n\n{table}\n"
    print(text)
    parts = RESULTS.read_text("utf-8").split("\n## ") if RESULTS.exists() else [HEAD]
    kept = [f"## {part.strip()}\n" for part in parts[1:] if not part.startswith(section)]
    RESULTS.write_text("\n".join([HEAD, *sorted([*kept, text])]), "utf-8")
