"""A model's profile from the command line: play a suite, show what came out, compare profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs.agents.specs import SCRIPTED
from oversight_envs.cli.costs import Limits
from oversight_envs.cli.errors import Stopped
from oversight_envs.cli.fitting import fitter
from oversight_envs.cli.progress import progress
from oversight_envs.cli.runs import command_line, kept
from oversight_envs.cli.screen import stdout
from oversight_envs.cli.table import LONGEST, REASONS
from oversight_envs.core.usage import Usage
from oversight_envs.env.render import written
from oversight_envs.evaluation.benchmark.compare import Compared, Row, compare_profiles
from oversight_envs.evaluation.benchmark.estimate import expected
from oversight_envs.evaluation.benchmark.plan import Planned, find_suite, plan_suite
from oversight_envs.evaluation.benchmark.profile import Profile
from oversight_envs.evaluation.benchmark.run import run_suite
from oversight_envs.evaluation.benchmark.suite import ROLES, Suite
from oversight_envs.judges.registry import model_of
from oversight_envs.models.api import without_secrets
from oversight_envs.play.drive import OnFailure
from oversight_envs.report.profile import write_profile

PAGE = "report.html"


def role_specs(spec: str | None, given: Mapping[str, str | None]) -> dict[str, str]:
    """Role -> who plays it: what is given for the role, else ``spec``, where it can.

    A ``KIND:MODEL`` speaks by its model. An oracle can't speak and a script can't judge: they get the other roles.
    """
    specs: dict[str, str] = {}
    for role in ROLES:
        speaks = role in ("debater", "prover")
        own = given.get(role)
        if own is None and spec is not None and not (spec == "oracle" if speaks else spec.startswith(SCRIPTED)):
            own = model_of(spec) if speaks and not spec.startswith(SCRIPTED) else spec
        if own is not None:
            specs[role] = own
    if not specs:
        raise ValueError("whose profile? Give a model, or one for a role: --debater, --judge, --prover or --verifier")
    return specs


def default_folder(suite: Suite, specs: Mapping[str, str]) -> Path:
    """Where a profile is kept, by the names of its models."""
    names = "-".join(dict.fromkeys(without_secrets(spec) for spec in specs.values()))
    return Path("runs") / f"benchmark-{suite.size}-{re.sub(r'[^A-Za-z0-9.]+', '-', names).strip('-')[:80]}"


def planned_suite(
    size: str, specs: Mapping[str, str], quality: Path | None, gsm8k: Path | None
) -> tuple[Suite, list[Planned]]:
    """The suite, and its parts as these models can play them."""
    suite = find_suite("oversight-v0", size)
    files = {name: str(path) for name, path in (("quality", quality), ("gsm8k", gsm8k)) if path is not None}
    unused = [name for name in files if not any(v.file == name for part in suite.parts for v in part.variants)]
    if unused:
        raise ValueError(f"--{unused[0]} {files[unused[0]]}: {suite.name} {size} does not use it; give --size full")
    return suite, plan_suite(suite, specs, files)


def run_benchmark(
    suite: Suite,
    parts: Sequence[Planned],
    specs: Mapping[str, str],
    *,
    out: Path,
    reuse: bool | None,
    concurrency: int,
    on_failure: OnFailure,
    limits: Limits,
) -> Profile:
    """The profile, kept in ``out`` with a page beside it. Ctrl-C says what is kept and how to go on."""
    limits.apply([player for one in parts for player in one.players.values()], out, concurrency)
    try:
        with progress(stdout()) as tell:
            profile, records = run_suite(
                suite,
                parts,
                specs,
                out=out,
                reuse=reuse,
                concurrency=concurrency,
                on_failure=on_failure,
                fit=fitter,
                on_progress=lambda part, done, total: tell(part, done, total, ""),
            )
    except KeyboardInterrupt:
        raise Stopped(f"{kept(out)} finished episodes are kept in {out}; to go on: {command_line()}") from None
    write_profile(profile, records, out / PAGE)
    return profile


def show_plan(console: Console, suite: Suite, parts: Sequence[Planned]) -> dict[str, Usage]:
    """Prints what would be played, and returns part -> what it would take of models behind servers."""
    table = _table(f"{suite.name} {suite.size}", "part", "questions", "games", "wording")
    usages: dict[str, Usage] = {}
    for one in parts:
        if one.left_out is not None:
            table.add_row(one.part.name, "", "", Text(f"left out: {one.left_out}", style="dim"))
            continue
        games, usages[one.part.name] = expected(one, suite.seed)
        wording = (one.variant.wording if one.variant else None) or "default"
        table.add_row(one.part.name, str(len(one.questions)), str(games), wording)
    console.print(table)
    return usages


def show_profile(console: Console, profile: Profile) -> None:
    """Prints every measure with its interval, what was left out and why, and the time that it took."""
    console.print(Text(f"{profile.name}: {profile.suite} {profile.size}", style="bold"))
    for name, result in profile.parts.items():
        if result.measures:
            table = _table(name, "", "", "questions")
            for measure, found in result.measures.items():
                table.add_row(measure, found.estimate.text(found.style), str(found.estimate.n or "–"))
            console.print(table)
    for name, result in profile.parts.items():
        if result.left_out is not None:
            console.print(Text(f"• left out: {name}: {result.left_out}", style="dim"))
        if result.stopped is not None:
            console.print(Text(f"✗ {name} could not be played: {written(result.stopped)}", style="bold red"))
        for line in result.broken:
            console.print(Text(f"✗ {name}: {line}", style="red"))
    wall, cpu = (sum(result.took.get(key, 0.0) for result in profile.parts.values()) for key in ("wall_s", "cpu_s"))
    console.print(f"• it took {_minutes(wall)} by the clock, {_minutes(cpu)} of processor time")


def show_without_result(console: Console, profile: Profile) -> int:
    """Prints why games came to no result. Returns how many parts were not played to their end, or had failed games."""
    unfinished = 0
    for name, result in profile.parts.items():
        unfinished += result.stopped is not None or bool(result.without_result)
        if count := sum(result.without_result.values()):
            console.print(Text(f"\n{name}: {count} games came to no result, and are in no number:", style="bold red"))
            for why in sorted(result.without_result, key=result.without_result.__getitem__, reverse=True)[:REASONS]:
                line = " ".join(written(why).split())[:LONGEST]
                console.print(Text(f"  {result.without_result[why]} in {line}"), soft_wrap=True)
    return unfinished


def load_profiles(paths: Sequence[Path]) -> dict[str, Profile]:
    """The profiles by the names of their files or folders, or by their paths where two have one name."""
    names = [path.name.removesuffix(".json") for path in paths]
    profiles = {
        name if names.count(name) == 1 else str(path): Profile.load(path)
        for name, path in zip(names, paths, strict=True)
    }
    if len(profiles) < len(paths):
        raise ValueError("a profile is given twice: give each once")
    return profiles


def show_compared(console: Console, profiles: Mapping[str, Profile], *, seed: int = 0) -> None:
    """Prints a table for each part, and why parts are not compared."""
    left_out: list[Compared] = []
    names = list(profiles)
    parts = compare_profiles(profiles, seed=seed)
    letters = [*map(_letter, range(len(names)))]  # names of files are long and often alike
    for letter, (name, profile) in zip(letters, profiles.items(), strict=True):
        console.print(Text(f"{letter}  {name}: {profile.name}"), soft_wrap=True)
    for compared in parts:
        if compared.why_not is not None:
            left_out.append(compared)
            continue
        table = _table(compared.part, "", *letters, *(f"{letter} − {letters[0]}" for letter in letters[1:]))
        for row in compared.rows:
            styles = "points" if row.style == "percent" else "signed" if row.style == "number" else row.style
            values = [_or_dash(row.values[name].text(row.style)) for name in names]
            table.add_row(row.measure, *values, *(_difference(row, name, styles) for name in names[1:]))
        console.print(table)
        for note in compared.notes:
            console.print(Text(f"• {note}", style="dim"), soft_wrap=True)
    for compared in left_out:
        console.print(Text(f"• not compared: {compared.part}: {compared.why_not}", style="dim"), soft_wrap=True)
    count = sum(p is not None for compared in parts for row in compared.rows for p in row.p.values())
    console.print(
        f"• differences are paired by question, with 95% intervals; * is one by Holm's correction for all {count}"
    )


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)


def _difference(row: Row, name: str, style: str) -> str:
    found, p = row.differences[name], row.p[name]
    shown = "–" if found is None else _or_dash(found.text(style))
    return f"{shown} *" if p is not None and p < 0.05 else shown


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if place else "left")
    return table


def _or_dash(text: str) -> str:
    return "–" if text == "undefined" else text


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
