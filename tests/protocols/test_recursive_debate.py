"""Recursive debate: the honest side wins at every depth, and the judge's work does not grow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from oversight_envs import Question, Record, Turn, recursive_debate_v0, render_prompt, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import RecursiveDebate, explained
from oversight_envs.protocols.recursive_debate import consistent
from oversight_envs.report.article import article
from oversight_envs.report.elements import to_html
from oversight_envs.report.page import page
from oversight_envs.tasks.nested_sums import NestedSums, nested, total
from oversight_envs.testing import check_protocol

SURE = pytest.approx(math.tanh(5 / 2))
"""What a side earns that the judge believes with log-odds of 5."""


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
        assert record.rewards["prover_0"] == SURE
        assert record.correct == {"prover_0": True}
    for where in (lambda n: 0, lambda n: n - 1, lambda n: -1):
        for record in played(lying_prover(where), honest_opponent, depth):
            assert record.rewards["opponent_0"] == SURE
            assert record.correct == {"prover_0": False}
            assert len(render_prompt(record.entries[-1].prompt)) < 250
            assert len(record.entries) == 1 + 2 * (depth - 1) + 1


def test_who_watches_is_told_what_the_numbers_are_about() -> None:
    judge = CallableJudge(scores=check_sum)
    players = {"prover_0": ScriptedAgent(honest_prover), "opponent_0": ScriptedAgent(["Answer: 2"]), "judge_0": judge}
    (record,) = rollout(RecursiveDebate(), NestedSums(depth=2), players, questions=1)
    whole = nested(record.question.text)
    first, second = whole  # type: ignore[misc]
    assert explained(record) == [
        f"claims {whole} = {total(whole)}",
        f"splits it: 1: {first} = {total(first)}; 2: {second} = {total(second)}",
        f"disputes {second} = {total(second)}",
    ]
    assert "disputes" in to_html(article(page(record)))
    lost = players | {"opponent_0": ScriptedAgent(["I give up."])}
    (record,) = rollout(RecursiveDebate(), NestedSums(depth=2), lost, questions=1)
    assert explained(record)[2] == "can't be read, and has lost"
    estimator = ScriptedAgent(["Answer: 0.5", "Answer: 0.5, 1"])
    (record,) = rollout(
        RecursiveDebate(estimator=True),
        NestedSums(depth=2),
        {
            "prover_0": ScriptedAgent(["Answer: 3", "Answer: 1 + 2", "Answer: 1"]),
            "estimator_0": estimator,
            "judge_0": judge,
        },
        questions=1,
    )
    assert [text.split(": ")[0] for text in explained(record)][2:] == [
        "splits it",
        f"{first} = 1",
        f"goes on with {first} = 1",
    ]


def test_without_a_judge_the_task_checks_the_last_claim() -> None:
    for width, depth in product((2, 3), (1, 3)):
        for record in played(lying_prover(lambda n: n - 1), honest_opponent, depth, width, judge=False):
            assert record.rewards == {"prover_0": -1.0, "opponent_0": 1.0}
        for record in played(honest_prover, lying_opponent, depth, width, judge=False):
            assert record.rewards == {"prover_0": 1.0, "opponent_0": -1.0}


def test_a_dishonest_prover_wins_against_an_opponent_who_points_elsewhere() -> None:
    for record in played(lying_prover(lambda n: 0), lambda turn: "Answer: 2", 2):
        assert record.rewards["prover_0"] == SURE


@pytest.mark.parametrize("depth", [1, 4, 7])
def test_a_judge_who_is_right_three_times_of_five_is_so_at_every_depth(depth: int) -> None:
    """The completeness and soundness of the theorem, and neither falls with depth: the judge is asked once."""
    questions = NestedSums(depth=depth).sample(5)
    wrong = {question.id for question in questions[:2]}

    def errs(solution: Any) -> float:
        return -check_sum(solution) if solution.question_id in wrong else check_sum(solution)

    for prover, opponent, honest in (
        (honest_prover, lying_opponent, "prover_0"),
        (lying_prover(lambda n: 0), honest_opponent, "opponent_0"),
    ):
        players = {
            "prover_0": ScriptedAgent(prover),
            "opponent_0": ScriptedAgent(opponent),
            "judge_0": CallableJudge(scores=errs),
        }
        records = rollout(RecursiveDebate(), NestedSums(depth=depth), players, questions=questions)
        assert sum(record.rewards[honest] > 0 for record in records) / 5 == 3 / 5


BROKEN = [
    (lambda turn: "Answer: 10" if turn.number == 0 else "Answer: 5 + 6", "Answer: 1", "prover_0"),  # doesn't add up
    (lambda turn: "Answer: 10", "Answer: 1", "prover_0"),  # one number for two parts
    (lambda turn: "Answer: ten", "Answer: 1", "prover_0"),
    (honest_prover, "Answer: 3", "opponent_0"),  # there are two
    (honest_prover, "All of them.", "opponent_0"),
]


@pytest.mark.parametrize(("prover", "opponent", "loser"), BROKEN)
@pytest.mark.parametrize("judge", [True, False])
def test_who_breaks_the_rules_has_lost(prover: Any, opponent: str, loser: str, judge: bool) -> None:
    for record in played(prover, lambda turn: opponent, 2, judge=judge):
        assert record.truncated is None
        assert record.answers == {loser: None}
        assert record.rewards == {role: -1.0 if role == loser else 1.0 for role in ("prover_0", "opponent_0")}
        assert not record.scores


def test_no_judge_makes_losing_worse_than_breaking_the_rules() -> None:
    for record in played(lying_prover(lambda n: 0), honest_opponent, 3):
        assert -1.0 < record.rewards["prover_0"] < -0.98


def test_recursive_debate_conforms_and_refuses_what_it_can_not_be(sums: Any, things: Any) -> None:
    for options in ({}, {"judge": False}, {"estimator": True}, {"estimator": True, "judge": False}):
        check_protocol(RecursiveDebate(**options), NestedSums())
        check_protocol(RecursiveDebate(**options), NestedSums(depth=1))
        game = RecursiveDebate(**options)
        other = doubting(0) if game.estimator else lying_opponent
        scripted = dict(zip(game.players, (ScriptedAgent(defending(honest_prover)), ScriptedAgent(other)), strict=True))
        check_protocol(game, NestedSums(), players=scripted)
    with pytest.raises(ValueError, match="claims that split"):
        recursive_debate_v0.env(task=sums)
    fives = dict.fromkeys(("prover_0", "opponent_0"), "scripted:Answer: 5")
    with pytest.raises(ValueError, match="pass estimator=True"):
        rollout(RecursiveDebate(judge=False), NestedSums(depth=1), fives, questions=1, reward="estimated")
    with pytest.raises(ValueError, match="pass judge=True"):
        rollout(RecursiveDebate(judge=False), NestedSums(depth=1), fives, questions=1, reward="judged")

    class Unchecked(NestedSums):
        checkable = False

    with pytest.raises(ValueError, match="checks none"):
        recursive_debate_v0.env(task=Unchecked())
    with pytest.raises(ValueError, match="depth=0"):
        NestedSums(depth=0)
    with pytest.raises(ValueError, match="claims that split"):
        RecursiveDebate().check_question(Question("q", "[" * 100_000))


# --- with an estimator ---------------------------------------------------------------------------------------------


def claims(turn: Turn) -> list[tuple[int, str]]:
    """The claims on the page: what is claimed, and of what; of the first one alike."""
    page = turn.prompt[-1].content.split("\n\n")[-1]
    if whole := re.search(r"the whole comes to (-?\d+)", page):
        return [(int(whole[1]), str(nested(turn.question)))]
    found = re.findall(r"^\d+: (.*?) = (-?\d+)", page, re.MULTILINE)
    return [(int(value), part) for part, value in found]


def is_right(claim: tuple[int, str]) -> bool:
    return total(nested(claim[1])) == claim[0]


def answer(probabilities: list[float]) -> str:
    return "Answer: " + ", ".join(f"{p:.12g}" for p in probabilities)


def able(turn: Turn) -> str:
    return answer([float(is_right(claim)) for claim in claims(turn)])


def doubting(whole: float) -> Callable[[Turn], str]:
    """Gives the whole claim this probability, and spreads its doubt over the parts, knowing nothing of them."""

    def say(turn: Turn) -> str:
        page = turn.prompt[-1].content
        lacks = re.search(r"come to ([0-9.e-]+) or more together", page)
        count = len(claims(turn))
        return answer([1 - float(lacks[1]) / count] * count) if lacks else answer([whole])

    return say


def defending(prover: Callable[[Turn], str]) -> Callable[[Turn], str]:
    """Goes on with a right claim, where there is one, of the lowest probability."""

    def say(turn: Turn) -> str:
        offered = re.findall(
            r"^(\d+): (.*?) = (-?\d+), probability ([0-9.e-]+)$", turn.prompt[-1].content, re.MULTILINE
        )
        if not offered:
            return prover(turn)
        right = [o for o in offered if is_right((int(o[2]), o[1]))]
        return f"Answer: {min(right or offered, key=lambda o: float(o[3]))[0]}"

    return say


def hiding(leaf: int) -> Callable[[Turn], str]:
    """Claims 2 too many, and hides them in one of the last claims, by its number."""

    def say(turn: Turn) -> str:
        value, parts = asked(turn)
        if not parts:
            return f"Answer: {value + 2}"
        below = len(re.findall(r"^1: (\[+)", turn.prompt[-1].content, re.MULTILINE)[-1]) - 1  # splits that are left
        parts[leaf >> below & 1] += value - sum(parts)
        return f"Answer: {' + '.join(map(str, parts))}"

    return say


def estimated(prover: Any, estimator: Any, depth: int, **options: Any) -> list[Record]:
    game = RecursiveDebate(estimator=True, judge=False, **options)
    players = {"prover_0": ScriptedAgent(defending(prover)), "estimator_0": ScriptedAgent(estimator)}
    return list(rollout(game, NestedSums(depth=depth), players, questions=2))


@pytest.mark.parametrize("depth", range(1, 8))
def test_an_able_estimator_believes_what_is_right_and_loses_to_no_lie(depth: int) -> None:
    for record in estimated(honest_prover, able, depth):
        assert record.rewards == {"prover_0": 1.0, "estimator_0": -1.0}
    for where in (lambda n: 0, lambda n: n - 1, lambda n: -1):
        for record in estimated(lying_prover(where), able, depth):
            assert record.rewards == {"prover_0": 0.0, "estimator_0": 0.0}
            assert len(record.entries) == 2 + 3 * (depth - 1)


@pytest.mark.parametrize("depth", range(2, 7))
def test_an_obfuscated_argument_beats_a_blind_opponent_and_gains_little_from_a_blind_estimator(depth: int) -> None:
    leaves = 2 ** (depth - 1)
    caught = 0
    for leaf in range(leaves):
        caught += sum(r.rewards["opponent_0"] > 0 for r in played(hiding(leaf), lambda turn: "Answer: 1", depth)[:1])
        for record in estimated(hiding(leaf), doubting(0), depth):
            assert record.rewards["prover_0"] == pytest.approx(1 / leaves)
    assert caught == 1


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("whole", [0, 0.5, 1])
def test_doubt_of_a_right_claim_can_be_spread_as_thinly(depth: int, whole: float) -> None:
    """Fréchet's bound: some last claim is underestimated by what the whole is, divided by their number, or more."""
    for record in estimated(honest_prover, doubting(whole), depth):
        assert record.rewards["prover_0"] == pytest.approx(whole + (1 - whole) / 2 ** (depth - 1))


@pytest.mark.parametrize(
    ("whole", "parts", "fits"),
    [
        ("0.5", ["1", "0.5"], True),
        ("0.5", ["0.75", "0.75"], True),
        ("0.5", ["0.76", "0.75"], False),  # they lack less than the whole
        ("0.5", ["0.4", "1"], False),  # a part is less probable than all of them
        ("0", ["0", "0"], True),
        ("0.7", ["0.9", "0.9", "0.9"], True),  # exactly, where floats would not
    ],
)
def test_probabilities_that_some_joint_distribution_has(whole: str, parts: list[str], fits: bool) -> None:
    assert consistent(Fraction(whole), [Fraction(part) for part in parts]) == fits


@pytest.mark.parametrize(
    "said", ["Answer: 0.9, 0.9", "Answer: 0.1, 0.9", "Answer: 0.5", "Answer: 50%, 50%", "Answer: 1.5, 0.5", "no idea"]
)
def test_an_estimator_who_is_inconsistent_has_lost(said: str) -> None:
    def estimator(turn: Turn) -> str:
        return "Answer: 0.5" if turn.number == 1 else said

    for record in estimated(honest_prover, estimator, 2):
        assert record.answers == {"estimator_0": None}
        assert record.rewards == {"prover_0": 1.0, "estimator_0": -1.0}


def test_with_a_judge_its_probability_stands_for_the_check() -> None:
    players = {
        "prover_0": ScriptedAgent(defending(honest_prover)),
        "estimator_0": ScriptedAgent(doubting(0.5)),
        "judge_0": CallableJudge(scores=lambda solution: 0.0),
    }
    (record,) = rollout(RecursiveDebate(estimator=True), NestedSums(depth=2), players, questions=1)
    assert record.rewards["prover_0"] == pytest.approx(0.5 + 0.5 - 0.75)
