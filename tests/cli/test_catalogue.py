"""What there is, shown at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest
from command_line import call

from oversight_envs.cli.game_options import describe_game, games_page
from oversight_envs.core.protocol import Protocol
from oversight_envs.judges import judge_names
from oversight_envs.protocols import PROTOCOLS, Direct


def test_list_names_everything() -> None:
    shown = call("list").output
    for name in ("debate", "prover_verifier", "direct", "passages", "arithmetic", "oracle", "scripted:TEXT"):
        assert name in shown
    for kind in (kind for kinds in judge_names().values() for kind in kinds):
        assert f"{kind}:MODEL" in shown or f"{kind}:KIND:MODEL" in shown


@pytest.mark.parametrize("game", PROTOCOLS.values(), ids=PROTOCOLS)
def test_list_verbose_and_the_page_tell_the_same_of_every_game(game: type[Protocol]) -> None:
    shown = " ".join(call("list", "--verbose").output.split())
    described = describe_game(game)
    assert f"{game.name}: {described.about}" in shown
    for role, does in described.roles.items():
        assert f"{role} ({does})" in shown
    assert [option.name for option in described.options] == [field.name for field in fields(game) if field.init]
    for option in described.options:
        assert f"{option.name}={option.default}" in shown
    page = games_page()
    for told in (described.about[1:], described.judge_reads, described.rewards[0]):
        assert told
        assert told in page
    assert described.source or game is Direct


def test_help_and_list_are_quick_and_load_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'scipy', 'matplotlib', 'sklearn', 'jinja2'}"
    code = (
        "import sys; from typer.testing import CliRunner; from oversight_envs.cli import app; "
        "r = [CliRunner().invoke(app, [a]).exit_code for a in ('--help', 'list')]; "
        f"print(r, sorted({heavy} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[0, 0] []"
