"""Every Python block of the README and the docs runs as it stands, from top to bottom of its page.

On the pages of ``COMMANDS`` so do the commands between them.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
from command_line import call

from oversight_envs.cli.game_options import games_page

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/benchmark.md",
    "docs/comparing.md",
    "docs/extending.md",
    "docs/install.md",
    "docs/reports.md",
    "docs/training.md",
    "docs/tutorial.md",
    "docs/judges.md",
    "docs/servers.md",
    "docs/stress_judge.md",
    "docs/limited_verification.md",
    "docs/tournaments.md",
)  # docs/stable_baselines3.md: wrappers/test_sb3.py
COMMANDS = ("docs/install.md", "docs/reports.md", "docs/tutorial.md")
FEW = "questions=12 batch=6 held_out=8 evaluations=2 samples=2 epochs=1"
SHORTER = (
    ("questions=8", "questions=1"),
    ("questions=16", "questions=4"),
    ("questions=40", "questions=4"),
    ("--questions 40", "--questions 4"),
    ("--questions 20", "--questions 4"),
    ("train debate", f"train debate --set {FEW.replace(' ', ' --set ')}"),
)
"""What is changed for speed alone."""


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    module = sys.modules["page_of_docs"] = ModuleType("page_of_docs")
    try:
        for language, block in re.findall(r"```(python|bash)\n(.*?)```", text, re.DOTALL):
            for as_written, shorter in SHORTER:
                block = block.replace(as_written, shorter)
            if language == "python":
                exec(compile(block, page, "exec"), module.__dict__)
            elif page in COMMANDS:
                for line in block.replace("\\\n", " ").splitlines():
                    program, *arguments = shlex.split(line)
                    assert program == "oversight-envs", line
                    call(*arguments)
    finally:
        del sys.modules["page_of_docs"]
    if page == "README.md":
        (record,) = module.__dict__["records"]
        assert record.transcript[0].text.endswith("as I say.")
        assert Path("runs/mine/episodes.jsonl").read_text().count("\n") == 1


def test_the_page_of_options_is_that_of_the_games() -> None:
    assert (ROOT / "docs/games.md").read_text(encoding="utf-8") == games_page(), (
        "make it again: its second line says how"
    )


def test_links_lead_somewhere() -> None:
    others = [str(path.relative_to(ROOT)) for pattern in ("docs/*.md", "*.md") for path in ROOT.glob(pattern)]
    for page in sorted({*PAGES, *others, "examples/results/README.md"}):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
