"""What it saves to read once what prompts share: games and best of N beside transformers' own ``generate``.

    python examples/benchmarks/shared_prefixes.py [--quality FILE] [--full] [--device cuda] [--out FILE.json]

Every row is a ratio of times for the same work in one run, with SmolLM2-135M. The other side of the first three is
``model.generate`` on the same token ids, in batches of up to 16 prompts of like length. Both sides draw exactly as many
tokens: nothing ends a reply early. Prompts are those of games on the articles of QuALITY (``--quality``: its file), or
else on articles put together of the embedded passages.

``--full`` plays 100 questions of 10 articles. Otherwise they are 10 of one article, and without shared prefixes one:
with nothing shared, every question costs what the others do.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from transformers import GenerationConfig

from oversight_envs import Question, Task, Verdict
from oversight_envs.agents import LanguageModelAgent
from oversight_envs.judges import LogitJudge
from oversight_envs.models import Generation, LanguageModel, load
from oversight_envs.models.passages import fit_passage
from oversight_envs.play import rollout
from oversight_envs.protocols import Consultancy, Debate
from oversight_envs.tasks import make_task
from oversight_envs.tasks.quality import Quality

ROWS = 16
ROOM = 1000
"""Tokens that a game's own words, its answers and its speeches have beside the passage."""


@dataclass
class Row:
    what: str
    beside: str
    ratio: float | None
    """The others' wall time over ours; None: not measured."""
    wanted: float | None
    seconds: float | None = None
    others_seconds: float | None = None
    processor_ratio: float | None = None
    """The same of processor seconds, all threads together: what counts where others use the machine too."""


class Articles(Task):
    """Questions, each with a passage."""

    name, split = "articles", "all"

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = list(questions)

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, index: int) -> Question:
        return self._questions[index]


def articles(lm: LanguageModel, quality: Path | None, count: int, each: int) -> list[Question]:
    """``each`` questions about each of ``count`` articles, as long as the model can read beside a game's own words."""
    if quality is not None:
        task: Task = Quality(quality)
        texts = list(dict.fromkeys(question.passage for question in task))[:count]
        found = [[q for q in task if q.passage == text] for text in texts]
    else:
        task = make_task("passages")
        parts = list(dict.fromkeys(question.passage for question in task))
        asked = [replace(q, metadata={}) for q in task][:each]
        found = []
        for start in range(count):
            text = "\n\n".join(parts[start % len(parts) :] + parts[: start % len(parts)])
            found.append([replace(q, id=f"{q.id}-{start}", passage=text) for q in asked])
    # an article with fewer questions than wanted has some again, by other names
    chosen = [replace(qs[i % len(qs)], id=f"{qs[i % len(qs)].id}-{i}") for qs in found for i in range(each)]
    fitted: dict[str, str] = {}
    for question in chosen:
        if question.passage not in fitted:
            fitted[question.passage] = fit_passage(question, lm, lm.context_length - ROOM).passage
    return [replace(question, passage=fitted[question.passage]) for question in chosen]


def pieces(lm: LanguageModel, questions: Sequence[Question], count: int, tokens: int) -> Articles:
    """Questions about ``count`` different passages of ``tokens`` tokens, cut from the articles."""
    cut = []
    size = 8 * tokens  # characters, more than enough
    for question in questions:
        for start in range(0, len(question.passage) - size, size):
            piece = replace(question, id=f"{question.id}-{start}", passage=question.passage[start : start + size])
            cut.append(fit_passage(piece, lm, tokens))
    assert len(cut) >= count, "the articles are too short for so many passages"
    return Articles(cut[:count])


class EvenJudge:
    """Decides without a model, so that only the speakers' is timed."""

    def decide(self, cases: Sequence[Any]) -> list[Verdict]:
        return [Verdict((-0.6931471805599453, -0.6931471805599453)) for _ in cases]


class Speaker(LanguageModelAgent):
    """Notes the prompts that it is given."""

    prompts: Sequence[Any] = ()

    def speak(self, turns: Sequence[Any]) -> list[Any]:
        self.prompts = [turn.prompt for turn in turns]
        return super().speak(turns)


def engine(device: str | None, **options: Any) -> LanguageModel:
    """SmolLM2 as it is loaded by its name, but that no token ends a reply."""
    loaded = load("smollm2-135m", device=device)
    limits: dict[str, Any] = {"max_batch_tokens": loaded.max_batch_tokens, "prefix_tokens": loaded.prefix_tokens}
    lm = LanguageModel(loaded.model, loaded.tokenizer, name=loaded.name, **(limits | options))
    lm.chat.end_ids = frozenset()
    return lm


def generate(lm: LanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int) -> None:
    """transformers' ``generate`` on left-padded batches."""
    ordered = sorted(prompts, key=len)
    for rows in (ordered[i : i + ROWS] for i in range(0, len(ordered), ROWS)):
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows], device=lm.model.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=lm.model.device)
        lm.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=new_tokens,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            repetition_penalty=1.0,
            eos_token_id=None,
            pad_token_id=0,
        )


class Spent(NamedTuple):
    wall: float
    processor: float


def spent(run: Callable[[], Any]) -> Spent:
    start, busy = time.perf_counter(), time.process_time()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return Spent(time.perf_counter() - start, time.process_time() - busy)


def compared(what: str, beside: str, wanted: float | None, mine: Spent, others: Spent) -> Row:
    ratio, of_processor = others.wall / mine.wall, others.processor / mine.processor
    row = Row(what, beside, ratio, wanted, mine.wall, others.wall, of_processor)
    print(row, flush=True)
    return row


def played(what: str, wanted: float, lm: LanguageModel, game: Any, task: Articles, new_tokens: int) -> Row:
    """A game's speeches beside the same prompts in ``generate``."""
    speaker = Speaker(lm, max_new_tokens=new_tokens)
    players = {role: EvenJudge() if role == "judge_0" else speaker for role in game.roles}
    mine = spent(lambda: rollout(game, task, players))
    prompts = [lm.encode(prompt) for prompt in speaker.prompts]
    others = spent(lambda: generate(lm, prompts, new_tokens))
    lengths = f"{min(map(len, prompts)):,} to {max(map(len, prompts)):,}"
    what += f": {len(prompts)} prompts of {lengths} tokens, {new_tokens} new"
    return compared(what, "batched generate", wanted, mine, others)


def best_of(n: int, tokens: int, new_tokens: int, lm: LanguageModel, question: Question) -> list[Row]:
    prompt = lm.encode_text(question.passage)[:tokens]
    what = f"best of {n} on {len(prompt):,} tokens, {new_tokens} new"
    mine = spent(lambda: lm.generate([Generation(prompt, seed, new_tokens) for seed in range(n)]))
    others = spent(lambda: generate(lm, [prompt] * n, new_tokens))
    row = compared(what, "batched generate", 6.0, mine, others)
    beside = "generate_batch (continuous batching)"
    if lm.model.device.type != "cuda":
        return [row, Row(what, beside, None, None, mine.wall)]
    config = GenerationConfig(max_new_tokens=new_tokens, do_sample=True, top_k=0, eos_token_id=-1, pad_token_id=0)
    batch = spent(lambda: lm.model.generate_batch([prompt] * n, generation_config=config, progress_bar=False))
    return [row, compared(what, beside, None, mine, batch)]


def debated(device: str | None, questions: Sequence[Question], without: Sequence[Question], new_tokens: int) -> Row:
    """Debates judged by the same model, with shared prefixes and without, by the time for a question."""

    def play(lm: LanguageModel, asked: Sequence[Question]) -> Spent:
        speaker = LanguageModelAgent(lm, max_new_tokens=new_tokens)
        players = {"debater_0": speaker, "debater_1": speaker, "judge_0": LogitJudge(lm)}
        whole = spent(lambda: rollout(Debate(both_orders=True), Articles(asked), players))
        return Spent(whole.wall / len(asked), whole.processor / len(asked))

    mine = play(engine(device), questions)
    others = play(engine(device, prefix_tokens=0, max_batch_tokens=32_768), without)
    texts = len({question.passage for question in questions})
    what = f"a debate on QuALITY: {len(questions)} questions of {texts} article{'s' * (texts > 1)}, {new_tokens} new"
    return compared(what, f"without shared prefixes, {len(without)} questions", 5.0, mine, others)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quality", type=Path, help="the file of QuALITY; else embedded passages, put together")
    parser.add_argument("--full", action="store_true", help="100 questions of 10 articles")
    parser.add_argument("--device", help="cpu, cuda")
    parser.add_argument("--rows", default="abcd", help="which rows: a, b, c, d in their order")
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file")
    options = parser.parse_args()
    lm = engine(options.device)
    chosen = articles(lm, options.quality, 10 if options.full else 4, 10)
    first = chosen[::10]
    generate(lm, [[1] * 32] * 2, 4)  # warm-up
    lm.generate([Generation([1] * 32, 0, 4)] * 2)
    rows = []
    if "a" in options.rows:
        alone = engine(options.device, prefix_tokens=0)
        task = pieces(lm, first, ROWS, 256)
        rows.append(played("rollout, nothing shared", 0.95, alone, Consultancy(), task, 64))
    if "b" in options.rows:
        rows.append(played("rollout, two debaters a passage", 1.8, lm, Debate(), Articles(first[:1]), 64))
    if "c" in options.rows:
        rows += best_of(16, 2_000, 64, lm, chosen[0])
    if "d" in options.rows:
        asked, without = (chosen, first) if options.full else (chosen[:10], chosen[:1])
        rows.append(debated(options.device, asked, without, 64))
    table = Table("what", "beside", "seconds", "theirs", "ratio", "of processor time", "wanted")
    for row in rows:
        measured = (row.seconds, row.others_seconds, row.ratio, row.processor_ratio)
        numbers = ["not measured" if number is None else f"{number:.2f}" for number in measured]
        table.add_row(row.what, row.beside, *numbers, "" if row.wanted is None else f"{row.wanted:g}")
    Console(width=150).print(table)
    if options.out:
        result = {
            "date": date.today().isoformat(),
            "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
            if lm.model.device.type == "cpu"
            else torch.cuda.get_device_name(),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("oversight-envs", "torch", "transformers")},
            "rows": [asdict(row) for row in rows],
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
