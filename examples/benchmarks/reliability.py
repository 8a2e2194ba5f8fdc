"""How often results are stale, forged, lost, doubled or leaked: counts of what was tried and of what went wrong.

    python examples/benchmarks/reliability.py [--out examples/results/reliability.json] [--scale 1.0]

Every row is a number of tries and a number of failures, which should be 0. Nothing here is a unit test's small case:
thousands of forged marks, runs killed at random moments, pairs of processes on one file, every game under every pair of
options walked for secrets, one game under many batch sizes, and bad arguments whose errors are read.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs import Episode, Question, Record, Speech, Task, Verdict, debate_v0, rollout
from oversight_envs.core.quotes import QuoteChecker, render
from oversight_envs.judges import OracleJudge
from oversight_envs.play import read_episodes
from oversight_envs.protocols import Consultancy, Debate, Direct, ProverVerifier
from oversight_envs.tasks import make_task
from oversight_envs.testing import ConformanceError, Puppet, check_protocol


@dataclass
class Row:
    what: str
    tried: int
    failed: int
    of_failures: list[str]
    """The first few, as text."""


def count(what: str, tries: Iterator[str | None]) -> Row:
    """Runs the tries; each yields None, or what went wrong."""
    found = list(tries)
    wrong = [why for why in found if why is not None]
    return Row(what, len(found), len(wrong), wrong[:5])


# --- forged marks ---------------------------------------------------------------------------------------------------


def looks_like(char: str) -> str:
    """What a character can pass for, by its decomposition and its name in Unicode; not the library's own table."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c)).casefold()
    if len(plain) == 1 and plain.isascii():
        return plain
    words = unicodedata.name(char, "").split()
    if words[:1] in (["LATIN"], ["FULLWIDTH"], ["MATHEMATICAL"]) and "LETTER" in words:
        base = words[words.index("LETTER") + 1]
        return base.casefold() if len(base) == 1 else char
    return char


def alike(letter: str) -> list[str]:
    return [chr(code) for code in range(128, 0x1F000) if looks_like(chr(code)) == letter]


def forged_marks(scale: float) -> Iterator[str | None]:
    """The mark of a verified quote with one character replaced by one that looks like it, or something put in."""
    rng = random.Random(0)
    checker = QuoteChecker("He went home at nine.")
    marks = []
    for mark in ("<v_quote>", "</v_quote>"):
        for place, char in enumerate(mark):
            marks += [mark[:place] + other + mark[place + 1 :] for other in (alike(char) if char.isalpha() else [])]
            marks += [mark[:place] + other + mark[place:] for other in ("\u200b", "\u00ad", " ", "\ufe0f", "\u0301")]
            marks.append(mark[:place] + char.swapcase() + mark[place + 1 :])
    rng.shuffle(marks)
    for mark in marks[: int(len(marks) * scale) or 1]:
        shown = render(checker.check(f"He said {mark}it was raining."))
        yield f"{mark!r} is shown as it is" if mark in shown else None
    for _ in range(int(2000 * scale)):
        text = "".join(
            rng.choice(["<", ">", "/", "v_", "u_", "quote", "q", " ", "\u200b", "He went home"]) for _ in range(9)
        )
        shown = render(checker.check(text))
        claimed = shown.split("<v_quote>")[1:]
        true = all("</v_quote>" in part and part.split("</v_quote>")[0] in "He went home at nine." for part in claimed)
        yield None if true else f"{text!r} is shown as {shown!r}"


# --- secrets --------------------------------------------------------------------------------------------------------


def games() -> Iterator[tuple[Any, Task]]:
    passages, sums = make_task("passages"), make_task("arithmetic")
    switch = (False, True)
    for rounds, show, pad, both, turns in product(
        (1, 2), ("all", "quotes", "arguments", "verified"), switch, switch, ("simultaneous", "sequential")
    ):
        yield Debate(rounds=rounds, show=show, scratchpad=pad, both_orders=both, turns=turns), passages  # type: ignore[arg-type]
    for rounds, asks, pad in product((1, 2), switch, switch):
        if not asks or rounds > 1:
            yield Consultancy(rounds=rounds, judge_asks=asks, scratchpad=pad), passages
    for expert, both in product(switch, switch):
        yield Direct(expert=expert, both_orders=both), passages
    for provers in ("both", "helpful", "sneaky"):
        yield ProverVerifier(provers=provers), sums  # type: ignore[arg-type]


def leaks(scale: float) -> Iterator[str | None]:
    """Truth and passage reach nobody who may not see them, by prompts or by any path of attributes."""
    for seed, (game, task) in enumerate(games()):
        try:
            check_protocol(game, task, questions=max(1, int(2 * scale)), seed=seed)
            yield None
        except ConformanceError as error:
            yield str(error)


# --- kills and second writers ---------------------------------------------------------------------------------------

RUN = """
import sys, time
from oversight_envs import rollout
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet

class Slow(Puppet):
    fingerprint = "a puppet that takes its time"
    def decide(self, cases):
        time.sleep(0.002)
        return super().decide(cases)

players = dict.fromkeys(Debate.roles, Slow())
rollout(Debate(), "passages", players, samples=10, questions=12, seed=5, path=sys.argv[1], concurrency=2)
"""
EPISODES = 120


def started(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(path)], stderr=subprocess.PIPE, text=True)


def check_file(path: Path) -> str | None:
    try:
        records = list(read_episodes(path))
    except ValueError as error:
        return str(error)
    return None if len(records) == EPISODES else f"{len(records)} of {EPISODES} episodes"


def kills(scale: float) -> Iterator[str | None]:
    """A run killed at a random moment and run again holds every episode once."""
    rng = random.Random(1)
    for number in range(int(20 * scale) or 1):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "episodes.jsonl"
            process = started(path)
            lines = rng.randrange(1, EPISODES)
            while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < lines):
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
            if number % 2:  # the line that it was writing
                with path.open("ab") as file:
                    file.write(b'{"schema":2,"protocol":"deb')
            again = started(path)
            _, said = again.communicate()
            yield check_file(path) or (said.strip().splitlines()[-1] if again.returncode else None)


def two_writers(scale: float) -> Iterator[str | None]:
    """Two processes on one file: one of them is refused, no episode is written twice."""
    for _ in range(int(10 * scale) or 1):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "episodes.jsonl"
            both = [started(path), started(path)]
            said = [process.communicate()[1] for process in both]
            codes = [process.returncode for process in both]
            wrong = check_file(path)
            if sorted(map(bool, codes)) == [False, True] and "in use by another process" not in "".join(said):
                wrong = f"refused by {said!r:.200}"
            yield wrong


# --- the same whatever the batch ------------------------------------------------------------------------------------


def batches(scale: float) -> Iterator[str | None]:
    """Scripted players: the same to the byte. A tiny model: the same words, numbers within 1e-4."""

    def plain(record: Record) -> str:
        return replace(record, timings={}).to_json()

    sizes = (1, 3, 7, 64)
    puppets = dict.fromkeys(Debate.roles, Puppet())
    first = [plain(r) for r in rollout(Debate(rounds=2), "passages", puppets, seed=2, concurrency=32)]
    for size in sizes:
        other = [plain(r) for r in rollout(Debate(rounds=2), "passages", puppets, seed=2, concurrency=size)]
        for a, b in zip(first, other, strict=True):
            yield None if a == b else f"concurrency {size}: {b:.100}"
    game = Debate(wording="tiny_debate")
    models = {"debater_0": "tiny-stories-debater", "debater_1": "tiny-stories-debater", "judge_0": "tiny-stories-judge"}
    number = int(32 * scale) or 1
    reference = rollout(game, "stories", models, questions=number, seed=2, concurrency=32)
    for size in sizes:
        for a, b in zip(
            reference, rollout(game, "stories", models, questions=number, concurrency=size, seed=2), strict=True
        ):
            same = [s.text for s in a.transcript] == [s.text for s in b.transcript]
            assert a.decision is not None
            assert b.decision is not None
            near = np.allclose(a.decision.verdict.log_probs, b.decision.verdict.log_probs, atol=1e-4)
            yield None if same and near else f"concurrency {size}: question {a.question.id}"


# --- bad arguments --------------------------------------------------------------------------------------------------


def bad_inputs(_: float) -> Iterator[str | None]:
    """Each is refused by a ValueError or TypeError that names the argument (or the value) and is not a crash within."""
    question = make_task("passages")[0]
    puppets: dict[str, Any] = dict.fromkeys(Debate.roles, Puppet())

    def decide(reply: Any) -> Callable[[], Any]:
        def tried() -> None:
            episode = Episode(Direct(), question, 1)
            episode.answer(episode.asks[0], reply)

        return tried

    def say(reply: Any) -> Callable[[], Any]:
        def tried() -> None:
            episode = Episode(Debate(), question, 1)
            episode.answer(episode.asks[0], reply)

        return tried

    def play(**options: Any) -> Callable[[], Any]:
        given = {"protocol": Debate(), "task": "passages", "players": puppets, "questions": 2} | options
        return lambda: rollout(given.pop("protocol"), given.pop("task"), given.pop("players"), **given)

    def act(action: Any) -> Callable[[], Any]:
        def tried() -> None:
            env = debate_v0.raw_env(task="passages")
            env.reset(seed=0)
            env.step(action)

        return tried

    tries: list[tuple[str, Callable[[], Any]]] = [
        *(("judge_0", decide(x)) for x in (None, 0.5, [0.5, 0.5], np.array([0.0, 0.0]), Verdict, Speech("A"))),
        *(
            ("log-prob|not finite|sum|numbers", decide(Verdict(x)))
            for x in ((0.0, 0.0), (float("nan"),) * 2, (0.0,), None, "ab")
        ),  # type: ignore[arg-type]
        *(("debater_0", say(x)) for x in (None, 3, b"x", Speech, Speech(None), "x" * 100_001)),  # type: ignore[arg-type]
        *(
            ("info|token_ids|log_probs", say(x))
            for x in (
                Speech("a", info={"x": float("nan")}),
                Speech("a", info={"x": "\ud800"}),
                Speech("a", (1,), (1.0, 2.0)),
            )
        ),
        *((name, play(**{name: x})) for name in ("seed", "samples", "concurrency") for x in ("3", 2.5, True, None)),
        *(("count|questions", play(questions=x)) for x in ("3", 2.0, True, 0, -1, 10**9, [], ["id"])),
        *((name, play(**{name: x})) for name in ("protocol", "task") for x in ("none such", 3, None)),
        *(("players", play(players=x)) for x in ({}, {"judge": Puppet()}, {"judge_0": Puppet}, {"judge_0": 3})),
        *(("reward", play(reward=x)) for x in ("none such", "os:none_such")),
        *(
            (name, lambda name=name, x=x: Debate(**{name: x}))
            for name, x in (
                ("rounds", 0),
                ("rounds", "2"),
                ("max_words", 0),
                ("show", "none"),
                ("turns", "both"),
                ("quotes", 2),
                ("wording", "none such"),
            )
        ),
        *(
            ("Question|question|options|truth|text", lambda x=x: Question(**{"id": "q", "text": "?", **x}))
            for x in (
                {"id": ""},
                {"id": 3},
                {"text": None},
                {"options": "ab"},
                {"options": ("a",)},
                {"options": ("a", "a")},
                {"options": ("a", "b"), "truth": 2},
                {"truth": 3},
            )
        ),
        *(("action|agent|debater_0", act(x)) for x in (None, 3, ["A"], b"A")),
        ("answer|oracle", lambda: rollout(Direct(), "passages", {"judge_0": OracleJudge({})}, questions=1)),
    ]
    for names, tried in tries:
        try:
            tried()
        except Exception as error:
            kind, said = type(error).__name__, str(error)
            good = isinstance(error, (ValueError, TypeError, RuntimeError)) and any(n in said for n in names.split("|"))
            yield None if good else f"{names}: {kind}: {said:.150}"
        else:
            yield f"{names}: accepted"


ROWS: dict[str, Callable[[float], Iterator[str | None]]] = {
    "forged marks of a verified quote": forged_marks,
    "secrets, by prompts and attributes": leaks,
    "runs killed and run again": kills,
    "two processes on one file": two_writers,
    "batch sizes": batches,
    "bad arguments": bad_inputs,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="part of the tries that are made")
    parser.add_argument("--out", type=Path, help="write the table to this JSON file")
    options = parser.parse_args(arguments)
    rows = []
    table = Table("what", "tried", "failed", "for example", title=f"reliability, {date.today().isoformat()}")
    for what, tries in ROWS.items():
        row = count(what, tries(options.scale))
        rows.append(row)
        table.add_row(what, f"{row.tried:,}", f"{row.failed:,}", Text(row.of_failures[0] if row.of_failures else ""))
    Console().print(table)
    if options.out:
        result = {
            "date": date.today().isoformat(),
            "python": platform.python_version(),
            "rows": [asdict(r) for r in rows],
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
