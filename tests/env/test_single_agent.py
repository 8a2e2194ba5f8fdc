"""One open role is a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
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


def test_vectors_in_processes_play_as_those_in_this_one() -> None:
    """As Gymnasium makes them by default: with shared memory."""
    options = {"players": {"debater_1": Puppet(), "judge_0": Puppet()}, "rounds": 2}
    histories = []
    for mode in ("async", "sync"):
        vector = gymnasium.make_vec("oversight/debate-v0", 2, vectorization_mode=mode, **options)
        observations, _ = vector.reset(seed=3)
        history: list[Any] = [observations]
        for words in ("So it is.", "Not so.", "It is."):
            observations, rewards, ended, _, _ = vector.step((words, words))
            history.append((observations, tuple(rewards), tuple(ended)))
        vector.close()
        histories.append(history)
    assert histories[0] == histories[1]
    assert any(any(step[2]) for step in histories[0][1:])


def test_several_open_roles_are_refused(things: Any) -> None:
    with pytest.raises(ValueError, match="are open"):
        debate_v0.gym_env(task=things)
