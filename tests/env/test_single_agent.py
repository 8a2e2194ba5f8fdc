"""One open role is a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import pytest
from game_options import MODULES, TASKS

from oversight_envs import debate_v0
from oversight_envs.testing import Puppet, check_env


# random text is no claim about a sum: it truncates that game at once, which Gymnasium's check takes for a fault
@pytest.mark.parametrize("name", sorted(MODULES.keys() - {"recursive_debate"}))
def test_one_open_role_is_a_gymnasium_environment(name: str, request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(TASKS.get(name, "things"))
    protocol = MODULES[name].raw_env(task=task).protocol
    for role in protocol.roles:
        others = {other: Puppet() for other in protocol.roles if other != role}
        check_env(lambda others=others: MODULES[name].gym_env(task=task, players=others), episodes=2)


def test_several_open_roles_are_refused(things: Any) -> None:
    with pytest.raises(ValueError, match="are open"):
        debate_v0.gym_env(task=things)
