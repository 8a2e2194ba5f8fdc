"""A model's profile as a page: all measures in one table, then every part with its transcripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oversight_envs.core.record import Record
from oversight_envs.evaluation.benchmark.profile import Profile
from oversight_envs.evaluation.evaluate import Evaluation
from oversight_envs.report.report import Summary, write_report


def write_profile(profile: Profile, records: Mapping[str, Mapping[str, Sequence[Record]]], out: Path) -> Path:
    """Writes the page to ``out``. ``records`` are those of each part by condition, as ``run_suite`` returns them."""
    runs = [
        Evaluation(found, f"{name}, {profile.suite} {profile.size}")
        for name, found in records.items()
        if any(record.failed is None for played in found.values() for record in played)
    ]
    written, _ = write_report(runs, out, heading=f"Profile of {profile.name}", summaries=[summary(profile)])
    return written


def summary(profile: Profile) -> Summary:
    """All measures, and in sentences what was left out, broke or failed."""
    said = []
    for name, result in profile.parts.items():
        if result.left_out is not None:
            said.append(f"Left out: {name}: {result.left_out}.")
        if result.stopped is not None:
            said.append(f"Could not be played: {name}: {result.stopped}")
        if result.without_result:
            said.append(f"{sum(result.without_result.values())} games of {name} came to no result.")
        said += [f"No fair judge does this: {line}." for line in result.broken]
    seconds = sum(result.took.get("wall_s", 0.0) for result in profile.parts.values())
    said.append(f"It took {seconds / 60:.1f} minutes.")
    rows = [
        (name, measure, found.estimate.text(found.style), str(found.estimate.n or "–"))
        for name, result in profile.parts.items()
        for measure, found in result.measures.items()
    ]
    return Summary(f"{profile.suite}, {profile.size}", said, ("part", "measure", "value", "questions"), rows)
