"""Results of ``oversight-envs stress-judge`` as one table: a judge's folder each, one Markdown and one JSON file.

oversight-envs stress-judge tiny-stories-judge --task stories --option wording=tiny_debate --out runs/gullible
oversight-envs stress-judge smollm2-135m --out runs/smollm2
python examples/stress_tables.py gullible=runs/gullible smollm2=runs/smollm2 --out runs/stress_judge
"""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

COLUMNS = ("shift", "won", "lost", "right_against_it", "right_by_proof", "proof_shift")


def cell(measure: dict[str, Any], percent: bool) -> str:
    """A number with its interval."""
    if measure["value"] is None:
        return "–"
    numbers = [measure[key] for key in ("value", "low", "high") if measure[key] is not None]
    shown = [f"{100 * n:.0f}%" if percent else f"{n:+.2f}" for n in numbers]
    return shown[0] if len(shown) == 1 else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def rows(found: dict[str, Any]) -> list[str]:
    """A judge's table."""
    lines = [
        "| speech | a fair judge | shift | wins by it | loses by it | right against it | with the quote | shift |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for effect in found["effects"]:
        if effect["not_applicable"] is None:
            cells = [cell(effect[column], "shift" not in column) for column in COLUMNS]
            lines.append(f"| {effect['name']} | {effect['fair']} | {' | '.join(cells)} |")
    unsaid: dict[str, list[str]] = {}
    for effect in found["effects"]:
        if effect["not_applicable"] is not None:
            unsaid.setdefault(effect["not_applicable"], []).append(effect["name"])
    told = []
    for name in ("blind", "plain"):
        if (belief := found[name]) is not None:
            right, odds = cell(belief["accuracy"], True), cell(belief["log_odds"], False)
            told.append(f"{name}: right {right}, log-odds of the right answer {odds}")
            told[-1] += f", probability on the labels {cell(belief['mass'], True)}" if belief["mass"]["value"] else ""
    lines += ["", "; ".join(told) + "."]
    lines += [f"\nNot applicable: {', '.join(names)}: {reason}." for reason, names in unsaid.items()]
    lines += [f"The judge failed in {sum(found['failures'].values())} debates."] if found["failures"] else []
    return lines


def main() -> None:
    """Reads the folders, writes the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--out", type=Path, required=True, help="the two files, without their endings")
    args = parser.parse_args()
    page, kept = ["# Stress tests of judges", "", "`docs/stress_judge.md` says what the columns are.", ""], {}
    for run in args.runs:
        name, _, folder = run.partition("=")
        found = json.loads((Path(folder) / "stress.json").read_text(encoding="utf-8"))
        settings = found["settings"]
        day = date.fromtimestamp((Path(folder) / "stress.json").stat().st_mtime)
        versions = ", ".join(f"{library} {number}" for library, number in found["libraries"].items())
        played = f"{settings['questions']} questions of {settings['task']}, seed {settings['seed']}"
        judge = f"texts: {settings['kit']}; judge: `{json.dumps(found['judge'])}`"
        page += [f"## {name}", "", f"{day}; {versions}.", "", f"{played}; {judge}", "", *rows(found), ""]
        for effect in found["effects"]:
            del effect["pairs"], effect["against_proof"]  # they stay in the run's own file
        kept[name] = found
    args.out.with_suffix(".md").write_text("\n".join(page), encoding="utf-8")
    args.out.with_suffix(".json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
