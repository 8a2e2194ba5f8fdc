"""What a user can get wrong with environments: what is meant is taken, the rest is refused by name, value and fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from small_tasks import Things

from oversight_envs import debate_v0
from oversight_envs.env import OversightEnv, SingleAgentEnv, Unicode, entry_points
from oversight_envs.env.aec import reset_all
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet

ONE_OPEN = {"judge_0": Puppet(), "debater_1": Puppet()}


def raw(**options: Any) -> OversightEnv:
    return debate_v0.raw_env(task=Things(), **options)


BAD: list[tuple[Callable[[], Any], str]] = [
    *((lambda seed=seed: raw().reset(seed=seed), "seed=") for seed in ("3", 2.0, True, -1, [1])),
    *((lambda seed=seed: SingleAgentEnv(raw(players=ONE_OPEN)).reset(seed=seed), "seed=") for seed in ("3", 2.0, True)),
    *(
        (
            lambda chosen=chosen: raw().reset(seed=1, options={"question": chosen}),
            rf"options\['question'\]={chosen!r}.*3",
        )
        for chosen in (4, -1, 2.0, True, "no such id")
    ),
    (lambda: raw().reset(seed=1, options=[3]), r"options=\[3\]: give a dict"),  # type: ignore[arg-type]
    (lambda: OversightEnv(Debate, Things()), r"protocol=.*give a game \(Debate\(\)\)"),  # type: ignore[arg-type]
    (lambda: OversightEnv(None, Things()), "protocol=None"),  # type: ignore[arg-type]
    (lambda: OversightEnv(Debate(), Things), "task=.*give a task"),  # type: ignore[arg-type]
    (lambda: raw().action_space("debater_7"), "no agent 'debater_7': the agents are debater_0"),
    (lambda: raw().observation_space(0), "no agent 0"),  # type: ignore[arg-type]
    (lambda: SingleAgentEnv("debate"), "env='debate': give an OversightEnv"),  # type: ignore[arg-type]
    (lambda: reset_all([raw()], [1, 2], [None]), r"seeds=\[1, 2\]: give a list with one for each of the 1"),
    (lambda: entry_points(Debate(), "passages"), "give the class of a game"),  # type: ignore[arg-type]
    *((lambda most=most: Unicode(most), "max_length=") for most in (0, "3", 2.0, True)),
]


@pytest.mark.parametrize(("use", "message"), BAD)
def test_what_is_not_meant_is_refused(use: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        use()


def test_what_is_meant_is_taken() -> None:
    env, other = OversightEnv("debate", "passages"), raw(players=ONE_OPEN, rounds=np.int64(2))
    env.reset(seed=np.int64(3))
    single = SingleAgentEnv(debate_v0.env(task=Things(), players=ONE_OPEN))  # type: ignore[arg-type]
    for chosen in (3, np.int64(3), "dog", Things()[3]):
        other.reset(seed=5, options={"question": chosen})
        assert other.episode is not None
        assert other.episode.question.id == "dog"
        single.reset(seed=np.int32(5), options={"question": chosen})
        assert single.env.episode is not None
        assert single.env.episode.seed == other.episode.seed
    for _ in range(2):
        other.step("So.")
    assert other.record is not None
    assert '"rounds":2' in other.record.to_json()


def test_a_refused_reset_changes_nothing() -> None:
    env = raw()
    env.reset(seed=1)
    before = (env.episode, env._rng.bit_generator.state)
    for seed, options in ((2, {"question": "none"}), ("2", {"question": 1})):
        with pytest.raises(ValueError, match="="):
            env.reset(seed=seed, options=options)  # type: ignore[arg-type]
    assert (env.episode, env._rng.bit_generator.state) == before
