"""Market making: a prediction a turn, and pay for moving it and for foreseeing the end."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oversight_envs import Record, market_making_v0, render_prompt, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import MarketMaking
from oversight_envs.testing import check_protocol

PRICES = (0.5, 0.75, 0.25)
"""What the predictor gives to the first option after 0, 1 and 2 arguments; the judge gives it 0.25."""


def played(things: Any, reward: str | None = None) -> Record:
    question = things[0]

    def predict(case: Any) -> tuple[float, float]:
        said = case.prompt[-1].content.count("An argument:")
        p = PRICES[said] if case.role == "predictor_0" else 0.25
        return (p, 1 - p) if case.options[0] == question.options[0] else (1 - p, p)

    judge = CallableJudge(predict)
    players = {"adversary_0": ScriptedAgent(["One.", "Two."]), "predictor_0": judge, "judge_0": judge}
    (record,) = rollout(MarketMaking(), things, players, questions=[question], reward=reward)
    return record


def test_rewards_of_the_market(things: Any) -> None:
    record = played(things)
    assert [d.role for d in record.decisions] == ["predictor_0"] * 3 + ["judge_0"]
    assert record.rewards["adversary_0"] == pytest.approx(0.25 + 0.5)
    foreseen = sum(0.25 * math.log(p) + 0.75 * math.log(1 - p) for p in PRICES) / 3
    assert record.rewards["predictor_0"] == pytest.approx(foreseen)
    truth = things[0].truth
    assert record.rewards["judge_0"] == pytest.approx(math.log(0.75 if truth else 0.25))
    moved = played(things, "movement").rewards
    assert moved["adversary_0"] == pytest.approx(0.75)
    assert moved["predictor_0"] == pytest.approx(sum(math.log(1 - p if truth else p) for p in PRICES) / 3)


def test_a_predictor_who_foresees_the_end_can_not_be_moved_and_earns_the_most(things: Any) -> None:
    calm = {r: CallableJudge(log_odds=lambda case: 1.0 if case.options[0] == "under the bed" else -1.0)
            for r in ("predictor_0", "judge_0")}  # fmt: skip
    record = rollout(MarketMaking(), things, calm | {"adversary_0": ScriptedAgent(["No."])}, questions=[things[0]])[0]
    p = 1 / (1 + math.exp(-1))
    assert record.rewards["adversary_0"] == pytest.approx(0.0)
    assert record.rewards["predictor_0"] == pytest.approx(p * math.log(p) + (1 - p) * math.log(1 - p))


def test_the_adversary_is_told_the_price_and_nobody_else(things: Any) -> None:
    record = played(things)
    pages = {entry.index: render_prompt(entry.prompt) for entry in record.entries}
    option = things[0].options[0]
    assert [f"- {option}: {price:.0%}" in pages[at] for at, price in ((1, 0.5), (3, 0.75))] == [True, True]
    assert all("%" not in pages[at] for at in (0, 2, 4, 5))
    assert things[0].passage in pages[0]
    assert things[0].passage not in pages[5]


def test_market_making_conforms_and_refuses_no_rounds(things: Any, sums: Any) -> None:
    check_protocol(MarketMaking(rounds=3), things)
    with pytest.raises(ValueError, match="rounds=0"):
        market_making_v0.env(task=things, rounds=0)
    with pytest.raises(ValueError, match="has none"):
        market_making_v0.env(task=sums)
