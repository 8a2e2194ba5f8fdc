"""Builds the documentation's site under build/site: the repository's pages as they stand, and one for each environment.

Pages are copied with their paths, so that a link works in the repository and on the site. The page of an environment is
its module's docstring and the options of its game. Warnings are errors.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oversight_envs import ENVIRONMENTS
from oversight_envs.cli.game_options import options_table
from oversight_envs.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build/docs"
COPIED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/*.md", "docs/*.png", "examples/*/*")
KINDS = {".md", ".png", ".svg", ".json"}


def environment_page(name: str) -> str:
    """The module's docstring, and below it every option of its game."""
    about = inspect.getdoc(importlib.import_module(f"oversight_envs.{name}_v0"))
    assert about, f"{name}_v0 has no docstring"
    return f"{about}\n\n### Options\n\n{options_table(PROTOCOLS[name])}"


def for_site(page: str) -> str:
    """The page for Python-Markdown, which shows the backslash of ``\\|`` in code, as GitHub's tables need it."""
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace(r"\|", "|"), page)


def lay_out() -> None:
    """Copies the pages to build/docs and writes those of the environments beside them."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for pattern in COPIED:
        for source in ROOT.glob(pattern):
            if source.suffix in KINDS:
                target = PAGES / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.suffix == ".md":
                    target.write_text(for_site(source.read_text(encoding="utf-8")), encoding="utf-8")
                else:
                    shutil.copyfile(source, target)
    folder = PAGES / "docs/environments"
    folder.mkdir()
    for name in ENVIRONMENTS:
        (folder / f"{name}.md").write_text(for_site(environment_page(name)), encoding="utf-8")


def nav_pages(nav: list[dict[str, Any]]) -> Iterator[str]:
    """The pages that a nav leads to, by path."""
    for entry in nav:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else nav_pages(target)


def site_nav() -> set[str]:
    """The pages that the site's nav leads to."""
    return set(nav_pages(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))


def build() -> int:
    """Builds the site; the exit status. zensical doesn't count what griffe says of docstrings as warnings: we do."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(said.stdout, end="")
    return said.returncode or int("griffe:" in said.stdout)


if __name__ == "__main__":
    lay_out()
    for path in sorted({str(file.relative_to(PAGES)) for file in PAGES.glob("docs/**/*.md")} - site_nav()):
        print(f"{path} is not in the nav of zensical.toml: only links and the search lead to it")
    sys.exit(build())
