"""Imports point one way, without circles, and importing the package loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from oversight_envs import ENVIRONMENTS

ROOT = Path(__file__).parents[1] / "oversight_envs"
FLOORS = (
    ("_files", "_lazy", "_options", "prompts"),
    ("core",),
    ("protocols", "tasks"),
    ("play",),
    ("env", *(f"{name}_v0" for name in ENVIRONMENTS)),
    ("models", "judges", "agents"),
    ("training", "evaluation", "importers"),
    ("report", "wrappers", "testing"),
    ("cli",),
    ("__main__",),
)
"""What each part may import: its own floor and those above it in this list (``docs/architecture.md``)."""
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}


def modules() -> dict[str, Path]:
    files = [*ROOT.rglob("*.py"), *(ROOT / "agents").resolve().rglob("*.py")]
    found = {}
    for file in files:
        inside = file.relative_to(ROOT) if ROOT in file.parents else Path("agents", file.name)
        found[".".join(inside.with_suffix("").parts).removesuffix(".__init__")] = file
    found.pop("__init__")
    return found


def imports(file: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a file imports, those inside functions and TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("oversight_envs"):
            base = (node.module or "").removeprefix("oversight_envs").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                yield inner if inner in known else base
        elif isinstance(node, ast.Import):
            yield from (
                a.name.removeprefix("oversight_envs.") for a in node.names if a.name.startswith("oversight_envs.")
            )


@pytest.fixture(scope="module")
def arrows() -> dict[str, set[str]]:
    known = modules()
    return {name: set(imports(file, known)) - {name} for name, file in known.items()}


def test_every_part_has_a_floor(arrows: dict[str, set[str]]) -> None:
    assert {name.partition(".")[0] for name in arrows} == set(FLOOR)


def test_imports_point_one_way(arrows: dict[str, set[str]]) -> None:
    wrong = [
        f"{name} imports {target}"
        for name, targets in arrows.items()
        for target in targets
        if not target or FLOOR[target.partition(".")[0]] > FLOOR[name.partition(".")[0]]
    ]
    assert wrong == []


def test_there_are_no_circles(arrows: dict[str, set[str]]) -> None:
    try:
        list(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("oversight_envs", ("torch", "transformers", "rich", "typer", "scipy", "matplotlib")),
        ("oversight_envs.core.rewards", ("torch", "rich", "tqdm")),
        ("oversight_envs.agents", ("torch", "transformers")),
        ("oversight_envs.cli", ("torch", "transformers", "scipy", "matplotlib")),
    ],
)
def test_importing_loads_nothing_heavy(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
