"""Profiles of ``oversight-envs benchmark`` side by side, as Markdown: a table for each part.

oversight-envs benchmark smollm2-135m --out runs/smollm2
python examples/profile_table.py examples/results/benchmark_*.json --out examples/results/benchmark.md
"""

import argparse
from pathlib import Path

from oversight_envs.evaluation.benchmark import Profile


def main() -> None:
    """Reads the profiles, writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    profiles = [Profile.load(path) for path in args.profiles]
    suites = {f"{profile.suite} {profile.size} ({profile.digest})" for profile in profiles}
    if len(suites) > 1:
        parser.error(f"these are of different suites: {', '.join(sorted(suites))}")
    page = [f"# Profiles: {suites.pop()}", "", "`docs/benchmark.md` says what is played and what the numbers are.", ""]
    for name in profiles[0].parts:
        played = [profile for profile in profiles if profile.parts[name].measures]
        if not played:
            continue
        role = profiles[0].parts[name].role
        page += [f"## {name}", "", f"| | {' | '.join(profile.models[role] for profile in played)} |"]
        page.append("|---|" + "---|" * len(played))
        for measure in dict.fromkeys(key for profile in played for key in profile.parts[name].measures):
            found = [profile.parts[name].measures.get(measure) for profile in played]
            cells = ["–" if one is None else one.estimate.text(one.style) for one in found]
            page.append(f"| {measure} | {' | '.join(cells)} |")
        wordings = [profile.parts[name].played["config"].get("wording") or "default" for profile in played]
        page += [f"| wording | {' | '.join(wordings)} |"]
        seconds = [f"{profile.parts[name].took.get('cpu_s', 0):.0f}" for profile in played]
        page += [f"| processor seconds | {' | '.join(seconds)} |", ""]
    page += ["## What it took", "", "| models | minutes by the clock | processor minutes |", "|---|---|---|"]
    for profile in profiles:
        clock, processor = (sum(r.took.get(k, 0) for r in profile.parts.values()) / 60 for k in ("wall_s", "cpu_s"))
        page.append(f"| {profile.name} | {clock:.1f} | {processor:.1f} |")
    args.out.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
