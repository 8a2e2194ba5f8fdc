"""The gaps between generation, discrimination and critique, worked out by hand for scripted players."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest

from oversight_envs import Record, Turn, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.evaluation import critique_gaps
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Critique, Direct


def played(sums: Any, verdict: Any, score: Any, *, samples: int = 2, right: int = 1) -> list[Record]:
    """Of the answers to each of two questions the first ``right`` are right; ``score`` marks what the judge reads."""
    count: dict[str, int] = {}

    def solve(turn: Turn) -> str:
        count[turn.question_id] = count.get(turn.question_id, 0) + 1
        number = int(turn.question_id[-1]) + 1
        return f"Answer: {number if count[turn.question_id] <= right else 9}"

    def criticise(turn: Turn) -> str:
        wrong = "> Answer: 9" in turn.prompt[-1].content
        return f"I have looked.\nAnswer: {verdict(wrong)}"

    players = {
        "solver_0": ScriptedAgent(solve),
        "critic_0": ScriptedAgent(criticise),
        "judge_0": CallableJudge(scores=lambda solution: score(solution.prompt[-1].content)),
    }
    return rollout(Critique(), sums, players, questions=[sums[0], sums[1]], samples=samples)


def true_verdict(wrong: bool) -> str:
    return "wrong" if wrong else "right"


def believes_the_critic(page: str) -> float:
    return -2.0 if "> Answer: wrong" in page else 2.0


def likes_nine(page: str) -> float:
    return float("> Answer: 9" in page)


@pytest.mark.parametrize(
    ("verdict", "score", "g", "d", "c"),
    [
        (true_verdict, believes_the_critic, 0.5, 1.0, 1.0),
        (true_verdict, likes_nine, 0.5, 1.0, 0.0),  # the critic knows, and the judge takes the wrong one all the same
        (lambda wrong: "right", believes_the_critic, 0.5, 0.5, 0.5),
        (lambda wrong: "wrong" if not wrong else "perhaps", believes_the_critic, 0.5, 0.0, 0.0),
    ],
)
def test_gaps_of_one_right_and_one_wrong_answer(
    sums: Any, verdict: Any, score: Any, g: float, d: float, c: float
) -> None:
    found = critique_gaps(played(sums, verdict, score))
    assert [e.value for e in (found.generation, found.discrimination, found.critique, found.oracle)] == [g, d, c, 1.0]
    assert [e.value for e in (found.gd, found.gc, found.cd)] == [d - g, c - g, d - c]
    assert found.gd.n == 2


def test_gaps_are_means_over_all_pairs_of_answers(sums: Any) -> None:
    records = played(sums, true_verdict, likes_nine, samples=4, right=1)
    found = critique_gaps(records)
    # of the six pairs three have the one right answer, and three have none
    assert found.generation.value == 0.25
    assert found.discrimination.value == found.oracle.value == 0.5
    assert found.critique.value == 0.0
    assert found.cd.value == 0.5
    assert astuple(critique_gaps(records[::-1])) == astuple(found)


def test_gaps_refuse_what_they_can_not_be_read_from(sums: Any, things: Any) -> None:
    with pytest.raises(ValueError, match="samples=2"):
        critique_gaps(played(sums, true_verdict, likes_nine, samples=1))
    with pytest.raises(ValueError, match="played as direct"):
        critique_gaps(rollout(Direct(), things, {"judge_0": CallableJudge(log_odds=lambda case: 0.0)}))
    with pytest.raises(TypeError, match="list of Records"):
        critique_gaps(3)  # type: ignore[arg-type]
