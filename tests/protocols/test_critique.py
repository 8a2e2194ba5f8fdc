"""Critique: who reads what, and what each reward pays."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oversight_envs import Message, Record, critique_v0, render_prompt, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Critique
from oversight_envs.testing import check_protocol

SAID = {
    "solver_0": ScriptedAgent(["I guess.\nAnswer: 5"]),
    "critic_0": ScriptedAgent(["It is 3 + 1.\nAnswer: wrong"]),
    "reviser_0": ScriptedAgent(["So be it.\nAnswer: 4"]),
    "judge_0": CallableJudge(scores=lambda solution: 2.0 if "So be it" in solution.text else -1.0),
}


def played(sums: Any, reward: str | None = None, **options: Any) -> Record:
    game = Critique(**options)
    (record,) = rollout(game, sums, {r: SAID[r] for r in game.roles}, questions=[sums[3]], reward=reward)
    return record


HELPED = -math.log1p(math.exp(-1))


@pytest.mark.parametrize(
    ("reward", "earned"),
    [
        (None, {"solver_0": -1.0, "critic_0": HELPED, "reviser_0": 2.0}),
        ("discrimination", {"solver_0": 0.0, "critic_0": 1.0, "reviser_0": 1.0}),
        ("refinement", {"solver_0": 0.0, "critic_0": 1.2, "reviser_0": 1.0}),
    ],
)
def test_rewards_of_critique(sums: Any, reward: str | None, earned: dict[str, float]) -> None:
    record = played(sums, reward, revise=True)
    judge = (HELPED - math.log1p(math.exp(-2))) / 2
    assert record.rewards == pytest.approx(earned | {"judge_0": judge})
    assert record.correct == {"solver_0": False, "reviser_0": True}


@pytest.mark.parametrize("verdict", ["right", "wrong", "well"])
@pytest.mark.parametrize("revised", ["4", "5"])
def test_the_two_stages_of_critique_rl(sums: Any, verdict: str, revised: str) -> None:
    players = SAID | {
        "critic_0": ScriptedAgent([f"Answer: {verdict}"]),
        "reviser_0": ScriptedAgent([f"Answer: {revised}"]),
    }
    told, better = float(verdict == "wrong"), float(revised == "4")
    for reward, earned in (("discrimination", told), ("refinement", better + 0.2 * told)):
        (record,) = rollout(Critique(revise=True), sums, players, questions=[sums[3]], reward=reward)
        assert record.rewards["critic_0"] == pytest.approx(earned)


def test_the_judge_reads_the_critique_with_the_first_answer_and_the_revised_one_alone(sums: Any) -> None:
    *_, first, revised = (render_prompt(entry.prompt) for entry in played(sums, revise=True).entries)
    assert "> I guess." in first
    assert "> It is 3 + 1." in first
    assert "> So be it." in revised
    assert "I guess" not in revised
    assert "It is 3 + 1" not in revised
    alone = render_prompt(played(sums, critic=False).entries[-1].prompt)
    assert "> I guess." in alone
    assert "The critique:" not in alone


def test_a_reviser_reads_answer_and_critique(sums: Any) -> None:
    reviser = played(sums, revise=True).entries[2]
    assert isinstance(reviser.prompt[-1], Message)
    assert reviser.prompt[-1].content.index("> I guess.") < reviser.prompt[-1].content.index("> It is 3 + 1.")


@pytest.mark.parametrize(("said", "right"), [(0, False), (1, True), (None, False)])
def test_an_answer_to_a_question_with_options_is_one_of_them(things: Any, said: int | None, right: bool) -> None:
    question = next(q for q in things if q.truth == 1)
    text = "Answer: both" if said is None else f"So.\nAnswer: {question.options[said]}"
    players = SAID | {"solver_0": ScriptedAgent([text])}
    game = Critique()
    (record,) = rollout(game, things, {r: players[r] for r in game.roles}, questions=[question])
    assert record.correct == {"solver_0": right}
    assert record.answers == {"solver_0": None if said is None else question.options[said]}
    assert record.rewards["judge_0"] == pytest.approx(-math.log1p(math.exp(1 if right else -1)))


def test_critique_conforms_and_refuses_what_it_can_not_be(sums: Any, things: Any) -> None:
    for task in (sums, things):
        for options in ({}, {"critic": False}, {"revise": True}):
            check_protocol(Critique(**options), task)
    with pytest.raises(ValueError, match="pass critic=True"):
        critique_v0.env(task=sums, revise=True, critic=False)
    with pytest.raises(ValueError, match="pass revise=True"):
        played(sums, "refinement")
    with pytest.raises(ValueError, match="assistance, discrimination, refinement"):
        critique_v0.env(task=sums, reward="helpfulness")
