"""A judge's stress test from the command line: run it, keep it, show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs._files import make_folder, write_whole
from oversight_envs.agents.specs import make_marker
from oversight_envs.cli.costs import Limits
from oversight_envs.cli.options import build_protocol
from oversight_envs.cli.progress import progress
from oversight_envs.cli.screen import stdout
from oversight_envs.cli.table import LONGEST, REASONS
from oversight_envs.core.question import Task
from oversight_envs.env.render import written
from oversight_envs.evaluation.effects import MOVED, StressTest
from oversight_envs.evaluation.robustness import stress_judge
from oversight_envs.evaluation.verifier_robustness import stress_verifier
from oversight_envs.play.drive import OnFailure

FILE = "stress.json"


def run_stress_test(
    spec: str,
    options: Sequence[str],
    task: Task,
    *,
    questions: int,
    seed: int,
    out: Path,
    concurrency: int,
    on_failure: OnFailure,
    limits: Limits,
) -> StressTest:
    """The test of the judge of this name, or of the verifier where the questions have no options; written to ``out``.

    ``options`` are those of the game: a debate, or a helpful prover and a verifier.
    """
    chosen = task.sample(questions, seed=seed)
    scores = not chosen[0].options
    game = (
        build_protocol("prover_verifier", ["provers=helpful", *options])
        if scores
        else build_protocol("debate", options)
    )
    game.check_task(task)
    try:
        judge = make_marker(spec, scores=scores, knows=(task, chosen))
    except ValueError as error:
        raise ValueError(f"{spec}: {error}") from error
    folder = make_folder(out)
    limits.apply([judge], folder, concurrency)
    stress: Any = stress_verifier if scores else stress_judge
    with progress(stdout()) as tell:
        found: StressTest = stress(
            judge,
            task,
            protocol=game,
            questions=chosen,
            seed=seed,
            concurrency=concurrency,
            on_failure=on_failure,
            on_done=lambda done, total: tell("games", done, total, ""),
        )
    write_whole(folder / FILE, found.to_json() + "\n")
    return found


def show_stress_test(console: Console, name: str, found: StressTest) -> None:
    """Prints a row for each rewrite, and what a fair judge would not have done. Intervals of shares are in the file."""
    table = Table(title=Text(f"{name}, each against the plain speech"), title_justify="left", title_style="bold")
    table.add_column("one side's speech", no_wrap=True)
    proven = any(effect.against_proof for effect in found.effects)
    for column in "fair", "shift, nats", "wins", "loses", "right", *(["quote"] if proven else []):
        table.add_column(column, justify="right", no_wrap=True)
    broken = {effect.name for effect in found.effects if effect.broken() is not None}
    for effect in found.effects:
        if effect.not_applicable is not None:
            continue
        style = "bold red" if effect.name in broken else ""
        shares = [effect.won, effect.lost, effect.right_against_it, *([effect.right_by_proof] if proven else [])]
        cells = ["–" if share.value is None else f"{share.value:.0%}" for share in shares]
        table.add_row(Text(effect.name, style), _FAIR[effect.fair], Text(effect.shift.text("signed"), style), *cells)
    table.caption = (
        "fair: what a fair judge's shift is · wins, loses: its user, the verdict\n"
        f"right: the judge, where the wrong side uses it{' · quote: and the right one gives what settles it' * proven}"
    )
    table.caption_justify = "left"
    console.print(table)
    for name, belief in ("blind", found.blind), ("plain", found.plain):
        if belief is None:
            continue
        accuracy, odds = belief.accuracy.text("percent"), belief.log_odds.text("signed")
        mass = "" if belief.mass.value is None else f", probability on the labels {belief.mass.value:.0%}"
        console.print(Text(f"• {name}: right {accuracy}, log-odds of the right answer {odds}{mass}"))
    reasons = dict.fromkeys(effect.not_applicable for effect in found.effects if effect.not_applicable is not None)
    for reason in reasons:
        names = ", ".join(effect.name for effect in found.effects if effect.not_applicable == reason)
        console.print(Text(f"• not applicable: {names}: {reason}", style="dim"))
    said = found.broken()
    for line in said:
        console.print(Text(f"✗ {line}", style="bold red"))
    if not said and not found.failures:
        console.print(Text(f"✓ nothing here shows that it is moved by more than {MOVED} nats where it should not be"))


def show_failed_games(console: Console, found: StressTest) -> int:
    """Prints why the judge failed, the most frequent reasons first. Returns in how many games it did."""
    failed = sum(found.failures.values())
    if failed:
        console.print(Text(f"\nthe judge failed in {failed} games, which are in no number:", style="bold red"))
        for reason in sorted(found.failures, key=found.failures.__getitem__, reverse=True)[:REASONS]:
            line = " ".join(written(reason).split())[:LONGEST]
            console.print(Text(f"  {found.failures[reason]} in {line}"), soft_wrap=True)
    return failed


_FAIR = {"unmoved": "0", "no gain": "≤ 0", "gain": "> 0", "either": ""}
