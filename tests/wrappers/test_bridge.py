"""What all bridges to array-based RL share: spaces and conformance, failures, environments that are none."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import pytest
from bridge_games import game, reader
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from oversight_envs import consultancy_v0, debate_v0, direct_v0, prover_verifier_v0
from oversight_envs.core.question import Task
from oversight_envs.testing import Puppet
from oversight_envs.wrappers import CandidatesEnv, HashingEncoder, TokensEnv

ROLES = [
    (debate_v0, "debater_0", {"turns": "sequential", "rounds": 2}),
    (debate_v0, "debater_1", {"turns": "sequential"}),
    (debate_v0, "judge_0", {"both_orders": True}),
    (consultancy_v0, "consultant_0", {"rounds": 2, "judge_asks": True}),
    (consultancy_v0, "judge_0", {"rounds": 2, "judge_asks": True}),
    (direct_v0, "judge_0", {}),
    (prover_verifier_v0, "helpful_0", {}),
    (prover_verifier_v0, "sneaky_0", {}),
    (prover_verifier_v0, "verifier_0", {"provers": "helpful"}),
]


@pytest.mark.parametrize("bridge", ["candidates", "tokens"])
@pytest.mark.parametrize(("module", "role", "options"), ROLES)
def test_both_libraries_accept_every_role(
    bridge: str, module: Any, role: str, options: Any, things: Task, sums: Task
) -> None:
    env = game(module, role, sums if module is prover_verifier_v0 else things, **options)
    if bridge == "tokens":
        env = TokensEnv(env, reader(), length=2000, max_new_tokens=3)
    else:  # those who judge choose among decisions
        env = CandidatesEnv(env, env.action_space.samples[:2] or Puppet(), encoder=HashingEncoder(16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="gymnasium")  # advice on bounds, rendering and registration
        gymnasium_check(env, skip_render_check=True)
        sb3_check(env, skip_render_check=True)
    env.reset(seed=0)
    for _ in range(100):
        *_, reward, terminated, truncated, info = env.step(env.action_space.sample())
        if terminated or truncated:
            break
        assert reward == 0.0
    assert reward == env.game.rewards[role]
    assert info == env.game.infos[role]
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(0)


def test_importing_the_wrappers_imports_no_framework() -> None:
    heavy = "{'torch', 'transformers', 'stable_baselines3'}"
    code = f"import sys, oversight_envs.wrappers as w; w.CandidatesEnv; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_after_a_player_failed_only_reset_goes_on(things: Task) -> None:
    class Failing(Puppet):
        def decide(self, cases: Any) -> Any:
            raise MemoryError

    env = CandidatesEnv(debate_v0.gym_env(task=things, players={"debater_1": Puppet(), "judge_0": Failing()}), Puppet())
    env.reset(seed=0)
    with pytest.raises(MemoryError):
        env.step(0)
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(0)
    assert env.reset(seed=0)[0]["mask"].any()


def test_environments_that_are_none_for_a_bridge(things: Task) -> None:
    with pytest.raises(ValueError, match="debater_0, debater_1 are open"):
        CandidatesEnv(debate_v0.env(task=things, players={"judge_0": Puppet()}), Puppet())
    with pytest.raises(TypeError, match="single-agent environment of this library"):
        CandidatesEnv(gymnasium.make("CartPole-v1"), Puppet())
    env = game(debate_v0, "debater_0", things)
    with pytest.raises(TypeError, match="put them around the bridge"):
        CandidatesEnv(gymnasium.wrappers.TimeLimit(env, 3), Puppet())
    made = gymnasium.make("oversight/debate-v0", task=things, players={"debater_1": Puppet(), "judge_0": Puppet()})
    assert CandidatesEnv(made, Puppet()).reset(seed=0)[0]["mask"].any()
