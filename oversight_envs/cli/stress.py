"""A judge's stress test from the command line: run it, keep it, show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs._files import make_folder, write_whole
from oversight_envs.agents.specs import make_marker
from oversight_envs.cli.costs import Limits
from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.options import build_protocol
from oversight_envs.cli.progress import progress
from oversight_envs.cli.runs import command_line
from oversight_envs.cli.screen import stdout
from oversight_envs.cli.table import LONGEST, REASONS
from oversight_envs.core.question import Question, Task
from oversight_envs.core.usage import Usage
from oversight_envs.env.render import written
from oversight_envs.evaluation.effects import MOVED, StressTest
from oversight_envs.evaluation.robustness import estimate_stress_judge, stress_judge
from oversight_envs.evaluation.verifier_robustness import estimate_stress_verifier, stress_verifier
from oversight_envs.play.drive import OnFailure

FILE, GAMES = "stress.json", "games"


@dataclass(frozen=True)
class Tested:
    """Who is tested on what: a judge, or a verifier where the questions have no options."""

    spec: str
    options: Sequence[str]
    """Of the game: a debate, or a helpful prover and a verifier."""
    task: Task
    questions: int
    seed: int

    @cached_property
    def scores(self) -> bool:
        """Whether it is a verifier."""
        return not self.chosen[0].options

    @cached_property
    def chosen(self) -> Sequence[Question]:
        return self.task.sample(self.questions, seed=self.seed)

    @cached_property
    def marker(self) -> Any:
        try:
            return make_marker(self.spec, scores=self.scores, knows=(self.task, self.chosen))
        except ValueError as error:
            raise ValueError(f"{self.spec}: {error}") from error

    @cached_property
    def how(self) -> dict[str, Any]:
        """The arguments that the tests of judges and of verifiers have in common."""
        name, options = ("prover_verifier", ["provers=helpful"]) if self.scores else ("debate", [])
        game = build_protocol(name, [*options, *self.options])
        game.check_task(self.task)
        return {"protocol": game, "questions": self.chosen, "seed": self.seed}

    def expected(self) -> Usage:
        """What it would take of models behind servers; nobody is asked."""
        estimate = estimate_stress_verifier if self.scores else estimate_stress_judge
        how = self.how  # what is wrong with the game is said before a model is loaded
        return estimate(self.marker, self.task, **how)

    def run(
        self, out: Path, *, reuse: bool | None, concurrency: int, on_failure: OnFailure, limits: Limits
    ) -> StressTest:
        """The test, written to ``out``: the result, and a file of games for each thing that is said."""
        how, test = self.how, stress_verifier if self.scores else stress_judge
        limits.apply([self.marker], make_folder(out), concurrency)
        try:
            with progress(stdout()) as tell:
                found = test(
                    self.marker,
                    self.task,
                    **how,
                    out=out / GAMES,
                    reuse=reuse,
                    concurrency=concurrency,
                    on_failure=on_failure,
                    on_done=lambda done, total: tell("games", done, total, ""),
                )
        except KeyboardInterrupt:
            raise Stopped(f"finished games are kept in {out / GAMES}; to go on: {command_line()}") from None
        write_whole(out / FILE, found.to_json() + "\n")
        return found


def show_stress_test(console: Console, name: str, found: StressTest) -> None:
    """Prints a row for each rewrite, and what a fair judge would not have done. Intervals of shares are in the file."""
    table = Table(title=Text(f"{name}, each against the plain speech"), title_justify="left", title_style="bold")
    table.add_column("one side's speech")
    proven = any(effect.against_proof for effect in found.effects)
    for column in "fair", "shift, nats", "wins", "loses", "right", *(["quote"] if proven else []):
        table.add_column(column, justify="right", no_wrap=column == "shift, nats")
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
