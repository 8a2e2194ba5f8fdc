"""Judges that are functions, and the oracle."""

from __future__ import annotations

import math

import pytest

from oversight_envs import PlayerError
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.testing import check_judge, example_cases


def test_function_judges_and_the_oracle_follow_the_contract() -> None:
    cases = example_cases()
    check_judge(CallableJudge(lambda case: len(case.prompt[-1].content) / 1000), cases)
    check_judge(CallableJudge(lambda case: [0.25, 0.75]), cases)
    check_judge(OracleJudge({case.question_id: case.options[0] for case in cases}), cases)
    for value in (math.nan, [1.0, 0.0], [0.5]):
        with pytest.raises(PlayerError):
            CallableJudge(lambda case, v=value: v).decide(cases)
    with pytest.raises(PlayerError, match="was given no answer"):
        OracleJudge({}).decide(cases)
    with pytest.raises(PlayerError, match="is none of"):
        OracleJudge({case.question_id: "elsewhere" for case in cases}).decide(cases)
