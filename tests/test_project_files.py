"""Files about the project say what the project says."""

from __future__ import annotations

import runpy
from pathlib import Path

import yaml

from oversight_envs import ENVIRONMENTS, __version__

ROOT = Path(__file__).parents[1]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load(read("CITATION.cff"))["version"] == __version__
    assert f"version = {{{__version__}}}" in read("docs/citation.md")


def test_pre_commit_runs_the_versions_that_make_lint_runs() -> None:
    (ruff,) = (repo for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"] if "ruff" in repo["repo"])
    assert f"ruff=={ruff['rev'].removeprefix('v')}" in read("constraints.txt").splitlines()


def test_the_workflow_and_the_templates_are_yaml_and_call_what_make_has() -> None:
    for path in (ROOT / ".github/ISSUE_TEMPLATE").iterdir():
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    made = {run.removeprefix("make ") for run in runs if run.startswith("make ")}
    assert made == {"lint", "test", "package"}
    assert all(f"\n{target}: " in read("Makefile") for target in made)


def test_the_nav_leads_to_every_environment_and_to_nothing_that_is_not_there() -> None:
    site = runpy.run_path(str(ROOT / "docs/build_site.py"))
    generated = {f"docs/environments/{name}.md" for name in ENVIRONMENTS}
    nav = site["site_nav"]()
    assert generated <= nav
    assert [page for page in nav - generated if not (ROOT / page).exists()] == []
    page = site["environment_page"]("debate")
    assert page.startswith("# Debate\n")
    assert "| `rounds` | `int` | `1` |" in page
