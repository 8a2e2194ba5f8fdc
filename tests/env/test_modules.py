"""Every registered environment, raw and wrapped, over pairwise combinations of its options."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import pettingzoo
import pytest
from game_options import CONFIGURATIONS, IDS, MODULES, TASKS
from pettingzoo.test import parallel_api_test

import oversight_envs
from oversight_envs import debate_v0, prover_verifier_v0
from oversight_envs.judges import OracleJudge
from oversight_envs.testing import Puppet, check_env, check_protocol


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=IDS)
def test_conformance(name: str, options: dict[str, Any], request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(TASKS.get(name, "things"))
    module = MODULES[name]
    protocol = module.raw_env(task=task, **options).protocol
    check_protocol(protocol, task)
    judged = {name: Puppet() for name, role in protocol.roles.items() if role.judges}
    check_env(lambda: module.env(task=task, **options), episodes=2)
    if judged and judged.keys() != protocol.roles.keys():
        check_env(lambda: module.raw_env(task=task, players=judged, **options), episodes=2)


def test_registries() -> None:
    for name in oversight_envs.ENVIRONMENTS:
        env_id = f"oversight/{name.replace('_', '-')}-v0"
        env = pettingzoo.make("aec", env_id)
        env.reset(seed=1)
        assert str(env) == f"{name}_v0"
        open_role, *filled = env.unwrapped.protocol.roles
        single = gymnasium.make(env_id, players={role: Puppet() for role in filled})
        observation, _ = single.reset(seed=1)
        assert open_role == single.unwrapped.agent
        assert isinstance(observation, str)
        assert observation


def test_parallel_forms_are_registered() -> None:
    env = pettingzoo.make("parallel", "oversight/debate-v0", players={"judge_0": Puppet()})
    assert sorted(env.reset(seed=1)[0]) == ["debater_0", "debater_1"]
    env = pettingzoo.make("parallel", "oversight/prover-verifier-v0", players={"verifier_0": Puppet()})
    assert sorted(env.reset(seed=1)[0]) == ["helpful_0", "sneaky_0"]


def test_parallel_form(things: Any, sums: Any, oracle: OracleJudge) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parallel_api_test(debate_v0.parallel_env(task=things, players={"judge_0": oracle}, rounds=3), num_cycles=50)
        parallel_api_test(prover_verifier_v0.parallel_env(task=sums, players={"verifier_0": Puppet()}), num_cycles=50)
    histories = []
    for _ in range(2):  # PettingZoo's parallel_seed_test stops after one step
        env = debate_v0.parallel_env(task=things, players={"judge_0": oracle}, rounds=3)
        for agent in env.possible_agents:
            env.action_space(agent).seed(3)
        history: list[Any] = [env.reset(seed=5)]
        while env.agents:
            history.append(env.step({agent: env.action_space(agent).sample() for agent in env.agents}))
        assert len(history) == 4
        histories.append(history)
    assert histories[0] == histories[1]
    for options in {"turns": "sequential", "players": {"judge_0": oracle}}, {}:
        with pytest.raises(ValueError, match="no parallel form"):
            debate_v0.parallel_env(task=things, **options)
