"""What there is, shown at once."""

from __future__ import annotations

import subprocess
import sys

from command_line import call

from oversight_envs.judges import judge_names


def test_list_names_everything() -> None:
    shown = call("list").output
    for name in ("debate", "prover_verifier", "direct", "passages", "arithmetic", "oracle", "scripted:TEXT"):
        assert name in shown
    for kind in (kind for kinds in judge_names().values() for kind in kinds):
        assert f"{kind}:MODEL" in shown or f"{kind}:KIND:MODEL" in shown


def test_help_and_list_are_quick_and_load_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'scipy', 'matplotlib', 'sklearn', 'jinja2'}"
    code = (
        "import sys; from typer.testing import CliRunner; from oversight_envs.cli import app; "
        "r = [CliRunner().invoke(app, [a]).exit_code for a in ('--help', 'list')]; "
        f"print(r, sorted({heavy} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[0, 0] []"
