"""PPO samples per second beside TRL's, on one model, the same prompts and lengths, both learning, in one run.

    pip install 'oversight-envs[train,benchmark]'
    python examples/benchmarks/ppo.py --model small --model smollm2-135m [--out examples/results/ppo.json]

Each step, every one of ``--prompts`` prompts is answered once by the policy, in at most ``--new-tokens`` tokens, and
the policy trains on the answers: GAE with a learned critic, a KL penalty to the frozen start, ``--epochs`` passes in
``--minibatches`` updates, AdamW in float32. An answer's reward is the share of its tokens that hold the letter e. Ours
is ``rollout`` and ``PPO.step``, records and all. TRL's is its last PPO trainer (trl 1.12, ``trl.experimental.ppo``) in
a process of its own (``ppo_trl.py``), without gradient checkpointing or bfloat16, which are slower here.
``--trl-python`` is a Python that has it, by default this one; without it that row is left out. What differs: TRL's
critic is a second whole model, as its trainer demands, and ours is a head on the policy; TRL does not clip gradients.

``small`` is a random Llama of 16M parameters with SmolLM2's tokenizer.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console
from rich.table import Table
from transformers import LlamaConfig, LlamaForCausalLM

from oversight_envs import Message, Protocol, Question, Record, Role, Say, Speech, Task, rollout
from oversight_envs.core.rewards import nobody
from oversight_envs.models import LanguageModel, load
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.training import PPO, PPOConfig, TextPolicy

THINGS = "a fox, a well, two brothers, a storm, the old mill, a silver key, a lost letter, winter, a clock that runs "
THINGS += "backwards, the king's cook, a boat without oars, a wolf, three wishes, a garden wall, a night train, the sea"


@dataclass(frozen=True, kw_only=True)
class Answering(Protocol):
    """One speaker answers the question."""

    name: ClassVar = "answering"
    reward: ClassVar = nobody
    roles: ClassVar = {"speaker_0": Role("speaker", {"say"})}

    def play(self, question, assigned, rng):
        yield Say({"speaker_0": (Message("user", question.text),)})


class Stories(Task):
    """Prompts of different lengths that ask for something long."""

    name, split = "story prompts", "all"

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Question:
        things = THINGS.split(", ")
        wanted = ", ".join(things[(index + i) % len(things)] for i in range(1 + index % len(things)))
        return Question(f"story-{index}", f"Tell me a long story about {wanted}.")


def language_model(name: str) -> LanguageModel:
    lm = load("smollm2-135m" if name == "small" else name).copy()
    if name != "small":
        return lm
    shape = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = LlamaConfig(**{**lm.model.config.to_dict(), **shape, "num_key_value_heads": 4, "head_dim": 64})
    torch.manual_seed(0)
    return LanguageModel(LlamaForCausalLM(config), lm.tokenizer, name="small")


def tokens_with_e(lm: LanguageModel) -> list[int]:
    special = set(lm.tokenizer.all_special_ids)
    return [token for token in range(lm.vocabulary_size) if token not in special and "e" in lm.decode([token])]


def ours(lm: LanguageModel, options: argparse.Namespace, paid: Sequence[int]) -> dict[str, Any]:
    """Seconds, mean reward and drawn tokens of each step."""
    good = set(paid)

    def spoken(record: Record) -> tuple[int, ...]:
        return next(entry.reply for entry in record.entries if isinstance(entry.reply, Speech)).token_ids

    def reward(records: Sequence[Record]) -> list[Mapping[str, float]]:
        drawn = [spoken(record) for record in records]
        return [{"speaker_0": sum(token in good for token in ids) / len(ids)} for ids in drawn]

    policy = TextPolicy(lm, max_new_tokens=options.new_tokens)
    config = PPOConfig(
        estimator="gae", learning_rate=options.lr, kl_coef=options.kl, lam=0.95, clip=0.2, value_coef=0.1,
        value_clip=0.2, epochs=options.epochs, minibatches=options.minibatches,
    )  # fmt: skip
    ppo = PPO(policy, ["speaker_0"], config)
    game, task = Answering(), Stories(options.prompts)
    steps = []
    for step in range(options.steps):
        start = time.perf_counter()
        records = rollout(game, task, {"speaker_0": policy}, seed=step, reward=reward, concurrency=options.prompts)
        played = time.perf_counter()
        learnt = ppo.step(records)
        end = time.perf_counter()
        row = {"seconds": end - start, "of which playing": played - start, "reward": learnt["reward"]}
        steps.append(row | {"tokens": learnt["tokens"], "kl": learnt["kl_reference"]})
        print(f"ours, step {step + 1}: {end - start:.1f} s, reward {learnt['reward']:.3f}", flush=True)
    return {"steps": steps}


def trl(lm: LanguageModel, options: argparse.Namespace, paid: Sequence[int]) -> dict[str, Any]:
    """The same of TRL, in its own process. Raises FileNotFoundError or CalledProcessError where it can't be run."""
    asked = [(Message("user", question.text),) for question in Stories(options.prompts)]
    settings = {name: getattr(options, name) for name in ("new_tokens", "lr", "kl", "epochs", "minibatches", "steps")}
    with tempfile.TemporaryDirectory() as folder:
        save_folder(Path(folder) / "model", lm.model, lm.tokenizer)
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(settings | {"prompts": [lm.encode(prompt) for prompt in asked], "paid": paid}))
        command = [options.trl_python, Path(__file__).with_name("ppo_trl.py"), folder]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return json.loads((Path(folder) / "result.json").read_text())


def has_trl(python: str) -> bool:
    code = "from trl.experimental.ppo import PPOTrainer"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def summary(found: dict[str, Any], prompts: int) -> dict[str, Any]:
    """The first step is left out of the speed: it warms up."""
    steps = found["steps"]
    seconds = statistics.median(step["seconds"] for step in steps[1:])
    few = max(1, len(steps) // 4)
    return found | {
        "samples per s": prompts / seconds,
        "reward, first steps": statistics.mean(step["reward"] for step in steps[:few]),
        "reward, last steps": statistics.mean(step["reward"] for step in steps[-few:]),
        "tokens per sample": statistics.mean(step["tokens"] for step in steps) / prompts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--model", action="append", help="small, smollm2-135m or any other; may be given several times")
    parser.add_argument("--prompts", type=int, default=16, help="answers in each step")
    parser.add_argument("--new-tokens", type=int, default=32, help="longest answer")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minibatches", type=int, default=2, help="updates in each epoch")
    parser.add_argument("--lr", type=float, default=2e-5)
    parser.add_argument("--kl", type=float, default=0.02)
    parser.add_argument("--trl-python", default=sys.executable, help="a Python with trl 1.12; this one by default")
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file, beside other models' in it")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    compared = has_trl(options.trl_python)
    if not compared:
        print(f"TRL is left out: {options.trl_python} has no trl.experimental.ppo (pip install 'trl>=1.12,<1.13')")
    for name in options.model or ["small"]:
        lm = language_model(name)
        paid = tokens_with_e(lm)
        rows = {"ours": summary(ours(lm, options, paid), options.prompts)}
        if compared:
            rows["trl"] = summary(trl(lm, options, paid), options.prompts)
            rows["ratio"] = rows["ours"]["samples per s"] / rows["trl"]["samples per s"]
        settings = {k: v for k, v in vars(options).items() if k not in ("model", "trl_python", "out")}
        versions = {package: version(package) for package in ("oversight-envs", "torch", "transformers")}
        about = {"date": date.today().isoformat(), "python": platform.python_version(), "versions": versions}
        about |= {"machine": f"{platform.machine()}, {torch.get_num_threads()} threads", "settings": settings}
        results[name] = about | rows
        show(name, rows)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(options.out.read_text()) if options.out.is_file() else {}
        options.out.write_text(json.dumps(known | results, indent=1) + "\n")


def show(name: str, rows: dict[str, Any]) -> None:
    table = Table("", "samples/s", "reward, first steps", "last steps", "tokens a sample", title=name)
    for who in ("ours", "trl"):
        if who in rows:
            row = rows[who]
            numbers = [row["samples per s"], row["reward, first steps"], row["reward, last steps"]]
            table.add_row(who, *(f"{number:.3f}" for number in numbers), f"{row['tokens per sample']:.1f}")
    console = Console()
    console.print(table)
    for who in ("ours", "trl"):
        if who in rows:
            console.print(f"{who}: rewards", " ".join(f"{step['reward']:.3f}" for step in rows[who]["steps"]))
    if "ratio" in rows:
        console.print(f"ours over TRL's: {rows['ratio']:.2f}")


if __name__ == "__main__":
    main()
