"""Proposer and critic: who speaks when, and what is paid."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oversight_envs import Record, proposer_critic_v0, rollout
from oversight_envs.agents import ReplayAgent, ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import ProposerCritic
from oversight_envs.testing import check_protocol

JUDGE = CallableJudge(scores=lambda solution: 1.5)


def played(sums: Any, said: str, reward: str | None = None, **options: Any) -> Record:
    players = {
        "proposer_0": ScriptedAgent(["3 + 1\nAnswer: 4", "It is as I say."]),
        "critic_0": ScriptedAgent([said, "I stay with it."]),
        "judge_0": JUDGE,
    }
    (record,) = rollout(ProposerCritic(**options), sums, players, questions=[sums[3]], reward=reward)
    return record


@pytest.mark.parametrize(
    ("said", "options", "speeches", "earned"),
    [
        ("No!\nAnswer: wrong", {}, 4, -1.5),
        ("Yes.\nAnswer: right", {}, 2, 1.5),
        ("Answer: right", {"critic": "adversarial"}, 4, -1.5),
        ("Hm.", {"rebuttals": 0}, 2, -1.5),
        ("Answer: wrong", {"rebuttals": 2}, 6, -1.5),
    ],
)
def test_stances_are_paid(sums: Any, said: str, options: dict[str, Any], speeches: int, earned: float) -> None:
    record = played(sums, said, **options)
    assert [s.role for s in record.transcript] == ["proposer_0", "critic_0"] * (speeches // 2)
    truth = -math.log1p(math.exp(-1.5))
    assert record.rewards == pytest.approx({"proposer_0": 1.5, "critic_0": earned, "judge_0": truth})
    assert record.correct == {"proposer_0": True}
    both = played(sums, said, "accuracy", **options).rewards
    assert both == pytest.approx(dict.fromkeys(("proposer_0", "critic_0", "judge_0"), truth))


def test_everyone_hears_what_was_said(sums: Any) -> None:
    page = played(sums, "No!\nAnswer: wrong").entries[-1].prompt[-1].content
    assert [line for line in page.splitlines() if line.startswith("> ")] == [
        "> 3 + 1", "> Answer: 4", "> No!", "> Answer: wrong", "> It is as I say.", "> I stay with it."
    ]  # fmt: skip


def test_a_frozen_proposal_is_a_replayed_one(sums: Any) -> None:
    first = played(sums, "Yes.", rebuttals=0)
    players = {"proposer_0": ReplayAgent([first]), "critic_0": ScriptedAgent(["No."]), "judge_0": JUDGE}
    (again,) = rollout(ProposerCritic(rebuttals=0), sums, players, questions=[sums[3]])
    assert [s.text for s in again.transcript] == ["3 + 1\nAnswer: 4", "No."]


def test_proposer_critic_conforms_and_refuses_what_it_can_not_be(sums: Any, things: Any) -> None:
    for task in (sums, things):
        for options in ({}, {"rebuttals": 0}, {"critic": "adversarial"}):
            check_protocol(ProposerCritic(**options), task)
    for options, says in (({"rebuttals": -1}, "rebuttals=-1"), ({"critic": "kind"}, "critic='kind'")):
        with pytest.raises(ValueError, match=says):
            proposer_critic_v0.env(task=sums, **options)
