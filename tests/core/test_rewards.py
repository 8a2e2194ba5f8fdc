"""Rewards of groups."""

from __future__ import annotations

from dataclasses import replace

from oversight_envs import Task
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.record import make_record
from oversight_envs.core.rewards import goodhart, reward_all, src
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import ProverVerifier
from oversight_envs.testing import Puppet, play


def test_grouped_rewards_subtract_the_mean_of_the_same_question_and_role(sums: Task) -> None:
    records = []
    for seed, value in enumerate((1.0, 3.0)):
        verifier = CallableJudge(scores=lambda solution, v=value: v)
        players = {"helpful_0": Puppet(), "sneaky_0": ScriptedAgent(["Answer: 7"]), "verifier_0": verifier}
        records.append(make_record(play(ProverVerifier(), sums[0], seed, players), sums, group="batch"))
    lone = [replace(record, group=None) for record in records]
    assert [row["sneaky_0"] for row in src(records)] == [-1.0, 1.0]  # wrong answers: V' = -1 and +1
    assert [row["sneaky_0"] for row in src(lone)] == [1.0, 3.0]
    assert reward_all(records, goodhart)[1]["helpful_0"] == 3.0
