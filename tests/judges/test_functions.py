"""Judges that are functions, and the oracle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from oversight_envs import PlayerError, Task, Verdict, rollout
from oversight_envs.agents import BestOfNAgent, ScriptedAgent, SpeakingJudge
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.protocols import Consultancy
from oversight_envs.testing import check_judge, example_cases, example_solutions


def test_function_judges_and_the_oracle_follow_the_contract() -> None:
    cases = example_cases()
    check_judge(CallableJudge(log_odds=lambda case: len(case.prompt[-1].content) / 1000), cases)
    check_judge(CallableJudge(lambda case: [0.25, 0.75]), cases)
    check_judge(lambda case: "A", cases)
    check_judge(OracleJudge({case.question_id: case.options[0] for case in cases}), cases)
    with pytest.raises(PlayerError, match="was given no answer"):
        OracleJudge({}).decide(cases)
    with pytest.raises(PlayerError, match="is none of"):
        OracleJudge({case.question_id: "elsewhere" for case in cases}).decide(cases)


def first(judge: CallableJudge) -> float:
    """The probability of the first label."""
    (verdict,) = judge.decide(example_cases()[:1])
    verdict.check()
    return verdict.probabilities[0]


def test_the_argument_says_what_a_number_means() -> None:
    for number in (0.8, np.float32(0.8), np.float64(0.8)):
        assert first(CallableJudge(probability=lambda case, n=number: n)) == pytest.approx(0.8)
        assert first(CallableJudge(log_odds=lambda case, n=number: n)) == pytest.approx(1 / (1 + math.exp(-0.8)))
        with pytest.raises(PlayerError, match=r"probability or log-odds.*CallableJudge\(probability=.*label"):
            first(CallableJudge(lambda case, n=number: n))
    assert first(CallableJudge(log_odds=lambda case: np.int64(0))) == pytest.approx(0.5)
    for wrong in ({}, {"log_odds": abs, "probability": abs}, {"decides": abs, "log_odds": abs}, {"probability": 0.8}):
        with pytest.raises(TypeError, match="CallableJudge"):
            CallableJudge(**wrong)


@pytest.mark.parametrize(
    ("value", "probability"),
    [("A", 0.99), ("b", 0.01), ("A: 0.7, B: 0.3", 0.7), ({"B": 0.75, "A": 0.25}, 0.25), ((0.25, 0.75), 0.25),
     ([np.float64(0.25), 0.75], 0.25), (np.array([0.25, 0.75]), 0.25),
     (Verdict((math.log(0.25), math.log(0.75))), 0.25)],
)  # fmt: skip
def test_what_no_one_can_mistake_is_taken_from_any_function(value: Any, probability: float) -> None:
    for argument in ("decides", "log_odds", "probability"):
        assert first(CallableJudge(**{argument: lambda case: value})) == pytest.approx(probability)


@pytest.mark.parametrize(
    "value",
    [None, True, math.nan, math.inf, 1j, np.array([0.8]), np.array([0.2, 0.9]), [1.0, 0.0], [0.5],
     [0.5, 0.6], [0.2, None], [math.nan, 0.5], {"A": 0.5}, {"A": 0.5, "B": 0.5, "C": 0.1}, "neither", "", b"A", object],
)  # fmt: skip
def test_what_a_function_returns_is_refused_by_name(value: Any) -> None:
    def believes(case: Any) -> Any:
        return value

    for judge in (CallableJudge(believes), CallableJudge(log_odds=believes), CallableJudge(probability=believes)):
        with pytest.raises(PlayerError, match=r"believes, returned"):
            first(judge)
    if value is not True and not isinstance(value, (list, dict)):
        with pytest.raises(PlayerError, match="believes, returned"):
            CallableJudge(scores=believes).score(example_solutions()[:1])


@pytest.mark.parametrize("value", [-0.1, 0, 1.0, 1.5, np.float64(7)])
def test_a_number_that_is_no_probability_is_refused(value: Any) -> None:
    with pytest.raises(PlayerError, match="strictly between 0 and 1"):
        first(CallableJudge(probability=lambda case: value))


def test_a_function_scores_by_a_number_or_in_words() -> None:
    solutions = example_solutions()[:1]
    assert CallableJudge(scores=lambda solution: np.float32(2)).score(solutions) == [2.0]
    assert CallableJudge(scores=lambda solution: "Yes").score(solutions) == pytest.approx([math.log(99)])


def test_a_plain_function_is_a_judge_where_one_is_due(things: Task, sums: Task) -> None:
    silent = ScriptedAgent(["Hm."])
    debaters = {"debater_0": silent, "debater_1": BestOfNAgent(silent, lambda case: "B", 2)}
    for record in rollout(
        "debate", things, {**debaters, "judge_0": lambda case: case.labels[case.options.index(min(case.options))]}
    ):
        assert record.decisions[0].verdict.choice == record.question.options.index(min(record.question.options))
    asking = SpeakingJudge(silent, lambda case: {"A": 0.5, "B": 0.5})
    consultancy = Consultancy(rounds=2, judge_asks=True)
    assert len(rollout(consultancy, things, {"consultant_0": silent, "judge_0": asking})) == 4
    provers = {"helpful_0": silent, "sneaky_0": silent}
    (record, *_) = rollout("prover_verifier", sums, {**provers, "verifier_0": lambda solution: -1.5})
    assert [scored.value for scored in record.scores] == [-1.5, -1.5]
    with pytest.raises(PlayerError, match=r"<lambda>, returned 0.8 .*probability or log-odds"):
        rollout("debate", things, {**debaters, "judge_0": lambda case: 0.8})
