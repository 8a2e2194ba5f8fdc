"""Commands that read what was played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from oversight_envs.cli.commands.parameters import Prices
from oversight_envs.cli.errors import reports_errors
from oversight_envs.cli.screen import stdout


@reports_errors
def report(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Run folders or files of episodes (.jsonl).")],
    out: Annotated[Path | None, typer.Option(help="The page. [default: report.html in the first folder]")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most transcripts of one game in the page. [default: all]")
    ] = None,
) -> None:
    """Make a page of results, differences and transcripts; its pictures beside it, as PNG and SVG."""
    from oversight_envs.report.report import load_runs, write_report

    first = paths[0] if paths[0].is_dir() else paths[0].parent
    page, pictures = write_report(load_runs(paths), out or first / "report.html", limit=limit)
    stdout().print("\n".join([f"page: {page}", *(f"picture: {picture}" for picture in pictures)]))


@reports_errors
def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Run folders or files of episodes (.jsonl).")],
    parting: Annotated[int, typer.Option(min=0, help="How many of the questions on which they differ to list.")] = 5,
    transcripts: Annotated[int, typer.Option(min=0, help="Show the games on so many of these questions.")] = 0,
    prices: Prices = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the draws behind intervals and p-values.")] = 0,
) -> None:
    """Compare runs, or the conditions of one run, on the questions that they share: docs/comparing.md."""
    from oversight_envs.cli.compare import show_comparison
    from oversight_envs.evaluation.comparison import Comparison

    comparison = Comparison.load(paths, seed=seed)
    show_comparison(stdout(), comparison, prices=prices, parting=parting, transcripts=transcripts)


@reports_errors
def import_(
    kind: Annotated[
        str,
        typer.Argument(
            help="llm_debate (Khan et al.), nyu_debate_modeling (Arnesen et al.), julianmichael_debate (Michael et "
            "al.) or dc_debates (DC-Debates)."
        ),
    ],
    file: Annotated[Path, typer.Argument(help="The file, or but for llm_debate a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the episodes, a file for each way in which they were played.")],
    passages: Annotated[
        list[Path] | None, typer.Option(help="QuALITY file with the stories that the file leaves out; repeatable.")
    ] = None,
    without_passage: Annotated[
        bool, typer.Option("--without-passage", help="Take questions without their story; no quote is checked.")
    ] = False,
) -> None:
    """Read public debate transcripts: to be shown, compared and judged again (docs/comparing.md)."""
    from oversight_envs._files import make_folder, write_whole
    from oversight_envs.core.checks import one_of
    from oversight_envs.evaluation.evaluate import RUN
    from oversight_envs.importers import IMPORTERS, quality_stories

    one_of("KIND", kind, tuple(IMPORTERS))
    if any(out.glob("*.jsonl")):
        raise ValueError(f"--out {out}: there are episodes here already; give another folder")
    stories = {key: text for path in passages or [] for key, text in quality_stories(path).items()}
    found = IMPORTERS[kind](file, passages=stories, without_passage=without_passage)
    make_folder(out)
    for name, records in found.conditions.items():
        write_whole(out / f"{name}.jsonl", "".join(record.to_json() + "\n" for record in records))
        judged = sum(record.decision is not None for record in records)
        stdout().print(f"{out / name}.jsonl: {len(records)} episodes, {judged} of them judged", soft_wrap=True)
    told = {"source": kind, "left out": found.left_out, "not in the episodes": found.missing}
    write_whole(out / RUN, json.dumps({"imported": told}, indent=2, ensure_ascii=False) + "\n")
    for why, count in found.left_out.items():
        stdout().print(f"left out: {count} transcripts ({why})")
    for what, count in found.missing.items():
        stdout().print(f"missing from {count} episodes, which can't hold it: {what}")
