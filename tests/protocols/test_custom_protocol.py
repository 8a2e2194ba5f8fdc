"""A protocol of a user's own: the one of the guide."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from oversight_envs import Task
from oversight_envs.env import OversightEnv
from oversight_envs.testing import check_env, check_protocol


def test_the_protocol_of_the_guide_is_a_whole_game(things: Task) -> None:
    root = Path(__file__).parents[2]
    source = (root / "examples" / "custom_protocol.py").read_text().split("\n\nif __name__")[0].rstrip()
    assert source in (root / "CONTRIBUTING.md").read_text()
    module = sys.modules["custom_protocol"] = ModuleType("custom_protocol")
    try:
        exec(source, module.__dict__)
        game = module.Critique()
        check_protocol(game, things)
        check_env(lambda: OversightEnv(game, things))
    finally:
        del sys.modules["custom_protocol"]
    assert len(source.splitlines()) <= 35
