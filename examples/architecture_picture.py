"""Makes docs/architecture.png: the parts of the package by floor. What stands above may import what is below it."""

import sys
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

FLOORS = [
    ("on the command line", [("cli", "list, play, evaluate,\nreport, train, demo")]),
    (
        "what others see of it",
        [
            ("report", "pages, pictures,\nsentences"),
            ("wrappers", "bridges to Stable-\nBaselines3"),
            ("testing", "conformance kit"),
        ],
    ),
    (
        "learning and measuring",
        [
            ("training", "PPO and kin, judges,\nverifiers; recipes/debate,\nrecipes/prover_verifier"),
            ("evaluation", "metrics with intervals,\nbaselines"),
        ],
    ),
    (
        "who plays",
        [
            ("agents", "language model, best-of-N,\nscripted, human, names"),
            ("judges", "verdicts and scores\nfrom models, functions"),
            ("models", "the engine interface;\nhf: in this process; tiny"),
        ],
    ),
    (
        "environments",
        [
            ("env", "AEC environment,\nsingle-agent view, spaces"),
            ("debate_v0 …", "PettingZoo modules;\nthe docstring is the page"),
        ],
    ),
    (
        "playing",
        [
            (
                "play",
                "queue: what is asked of whom, without I/O · drive: in step, asynchronous\n"
                "rollout · rejudge · store: files of episodes",
            )
        ],
    ),
    (
        "the games",
        [
            ("protocols", "one game a file"),
            ("prompts", "their wording\n(TOML)"),
            ("tasks", "quality, gsm8k, jsonl,\nprocedural ones"),
        ],
    ),
    (
        "the core: no I/O, no torch",
        [
            ("question", "question, task"),
            ("requests", "Say, Decide,\nScore; asks"),
            ("speech", "rules, quotes,\nstatements"),
            ("protocol", "a game is a\ngenerator"),
            ("episode", "an episode is\nits log"),
            ("record", "log + truth,\nas JSON"),
            ("rewards", "functions of\nrecords"),
        ],
    ),
]
INK, SOFT, PAPER, BOX = "#24292f", "#667080", "#ffffff", "#eef5fd"


def main(out: Path) -> None:
    figure = Figure(figsize=(11, 9.4), facecolor=PAPER)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.axis("off")
    axis.set(xlim=(0, 11), ylim=(0, 9.4))
    for place, (title, rooms) in enumerate(FLOORS):
        top = 9.25 - place * 1.16
        axis.text(0.25, top - 0.52, title, color=SOFT, fontsize=10.5, va="center", wrap=True, style="italic")
        width = 8.1 / len(rooms)
        for number, (name, about) in enumerate(rooms):
            left = 2.75 + number * width
            axis.add_patch(
                FancyBboxPatch(
                    (left, top - 1.0),
                    width - 0.12,
                    0.94,
                    boxstyle="round,pad=0,rounding_size=0.08",
                    facecolor=BOX,
                    edgecolor="#2f7ed8",
                    linewidth=1,
                )
            )
            middle = left + (width - 0.12) / 2
            axis.text(middle, top - 0.22, name, ha="center", va="center", color=INK, fontsize=11.5, weight="bold")
            axis.text(middle, top - 0.63, about, ha="center", va="center", color=INK, fontsize=8.4, linespacing=1.25)
    axis.annotate("", (2.55, 0.15), (2.55, 9.1), arrowprops={"arrowstyle": "-|>", "color": SOFT, "linewidth": 1.4})
    axis.text(2.45, 0.62, "imports", color=SOFT, fontsize=9, rotation=90, ha="right", va="bottom")
    figure.savefig(out, dpi=110, facecolor=PAPER)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/architecture.png"))
