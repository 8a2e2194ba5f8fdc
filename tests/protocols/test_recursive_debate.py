"""Recursive debate: the honest side wins at every depth, and the judge's work does not grow."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from oversight_envs import Question, Record, Turn, recursive_debate_v0, render_prompt, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import RecursiveDebate
from oversight_envs.tasks.nested_sums import NestedSums, nested, total
from oversight_envs.testing import check_protocol


def check_sum(solution: Any) -> float:
    """A judge who can add up a list of bare numbers, and nothing else."""
    left, right = solution.text.removeprefix("Answer: ").split(" = ")
    part = nested(left)
    assert isinstance(part, list)
    assert not any(isinstance(inner, list) for inner in part)
    return 5.0 if sum(part) == int(right) else -5.0


def asked(turn: Turn) -> tuple[int, list[int]]:
    """The value that is to be split, and what its parts come to; of a first claim and of what to point at likewise."""
    *_, page = re.split(r"\n\n", turn.prompt[-1].content)
    parts = [total(nested(part)) for part in re.findall(r"^\d+: (.*?)(?: = -?\d+)?$", page, re.MULTILINE)]
    value = re.search(r"comes to (-?\d+)\.", page)
    return int(value[1]) if value else total(nested(turn.question)), parts


def honest_prover(turn: Turn) -> str:
    value, parts = asked(turn)
    return f"Answer: {' + '.join(map(str, parts or [value]))}"


def lying_prover(where: Callable[[int], int]) -> Callable[[Turn], str]:
    """Claims one too many, and puts the error into the part that ``where`` names of so many, or a bit into each."""

    def say(turn: Turn) -> str:
        value, parts = asked(turn)
        if not parts:
            return f"Answer: {value + 2}"
        error = value - sum(parts)
        place = where(len(parts))
        shares = [error if k == place else 0 for k in range(len(parts))]
        if place < 0:  # obfuscated: every part is a little wrong, and no part the one that is
            shares = [error - 5 * (len(parts) - 1)] + [5] * (len(parts) - 1)
        return f"Answer: {' + '.join(str(p + share) for p, share in zip(parts, shares, strict=True))}"

    return say


def honest_opponent(turn: Turn) -> str:
    *_, page = re.split(r"\n\n", turn.prompt[-1].content)
    claims = re.findall(r"^(\d+): (.*?) = (-?\d+)$", page, re.MULTILINE)
    wrong = [number for number, part, value in claims if total(nested(part)) != int(value)]
    return f"Answer: {(wrong or ['1'])[0]}"


def lying_opponent(turn: Turn) -> str:
    return f"It is this one.\nAnswer: {1 + turn.number % 2}"


def played(prover: Any, opponent: Any, depth: int, width: int = 2, **options: Any) -> list[Record]:
    game = RecursiveDebate(**options)
    players = {"prover_0": ScriptedAgent(prover), "opponent_0": ScriptedAgent(opponent)}
    if game.judge:
        players["judge_0"] = CallableJudge(scores=check_sum)
    return list(rollout(game, NestedSums(depth=depth, width=width), players, questions=4))


@pytest.mark.parametrize("depth", range(1, 8))
def test_the_honest_side_wins_at_every_depth_by_the_same_work_of_the_judge(depth: int) -> None:
    for record in played(honest_prover, lying_opponent, depth):
        assert record.rewards["prover_0"] == 5.0
        assert record.correct == {"prover_0": True}
    for where in (lambda n: 0, lambda n: n - 1, lambda n: -1):
        for record in played(lying_prover(where), honest_opponent, depth):
            assert record.rewards["opponent_0"] == 5.0
            assert record.correct == {"prover_0": False}
            assert len(render_prompt(record.entries[-1].prompt)) < 250
            assert len(record.entries) == 1 + 2 * (depth - 1) + 1


def test_without_a_judge_the_task_checks_the_last_claim() -> None:
    for width, depth in product((2, 3), (1, 3)):
        for record in played(lying_prover(lambda n: n - 1), honest_opponent, depth, width, judge=False):
            assert record.rewards == {"prover_0": -1.0, "opponent_0": 1.0}
        for record in played(honest_prover, lying_opponent, depth, width, judge=False):
            assert record.rewards == {"prover_0": 1.0, "opponent_0": -1.0}


def test_a_dishonest_prover_wins_against_an_opponent_who_points_elsewhere() -> None:
    for record in played(lying_prover(lambda n: 0), lambda turn: "Answer: 2", 2):
        assert record.rewards["prover_0"] == 5.0


@pytest.mark.parametrize(
    ("prover", "opponent", "says"),
    [
        (lambda turn: "Answer: 10" if turn.number == 0 else "Answer: 5 + 6", "Answer: 1", "which is 11"),
        (lambda turn: "Answer: 10", "Answer: 1", "asked for 2 numbers, and answered '10'"),
        (lambda turn: "Answer: ten", "Answer: 1", "asked for 1 numbers, and answered 'ten'"),
        (honest_prover, "Answer: 3", "pointed at part 3 of 2"),
        (honest_prover, "All of them.", "opponent_0 was asked for 1 numbers"),
    ],
)
def test_what_leads_nowhere_ends_the_game_and_says_why(prover: Any, opponent: str, says: str) -> None:
    for record in played(prover, lambda turn: opponent, 2):
        assert says in (record.truncated or "")
        assert record.rewards == {}


def test_recursive_debate_conforms_and_refuses_what_it_can_not_be(sums: Any, things: Any) -> None:
    for options in ({}, {"judge": False}):
        check_protocol(RecursiveDebate(**options), NestedSums())
        check_protocol(RecursiveDebate(**options), NestedSums(depth=1))
        scripted = {"prover_0": ScriptedAgent(honest_prover), "opponent_0": ScriptedAgent(lying_opponent)}
        check_protocol(RecursiveDebate(**options), NestedSums(), players=scripted)
    with pytest.raises(ValueError, match="claims that split"):
        recursive_debate_v0.env(task=sums)

    class Unchecked(NestedSums):
        checkable = False

    with pytest.raises(ValueError, match="checks none"):
        recursive_debate_v0.env(task=Unchecked())
    with pytest.raises(ValueError, match="depth=0"):
        NestedSums(depth=0)
    with pytest.raises(ValueError, match="claims that split"):
        RecursiveDebate().check_question(Question("q", "[" * 100_000))
