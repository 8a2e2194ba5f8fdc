"""Every Python block of the README and the docs runs as it stands, from top to bottom of its page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from oversight_envs.cli.game_options import games_page

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/comparing.md",
    "docs/judges.md",
    "docs/servers.md",
    "docs/stress_judge.md",
    "docs/limited_verification.md",
    "docs/tournaments.md",
)  # docs/stable_baselines3.md: wrappers/test_sb3.py
SHORTER = (("questions=8", "questions=1"),)
"""What is changed for speed alone."""


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    module = sys.modules["page_of_docs"] = ModuleType("page_of_docs")
    try:
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            for as_written, shorter in SHORTER:
                block = block.replace(as_written, shorter)
            exec(compile(block, page, "exec"), module.__dict__)
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
    others = ("docs/cluster.md", "docs/games.md", "docs/stable_baselines3.md", "examples/results/README.md")
    for page in (*PAGES, *others):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
