"""The stress test of verifiers."""

from __future__ import annotations

import pytest

from oversight_envs import Question
from oversight_envs.core.requests import Solution
from oversight_envs.evaluation.effects import StressTest
from oversight_envs.evaluation.verifier_robustness import stress_verifier
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks import ListTask, make_task
from oversight_envs.tasks.arithmetic import Arithmetic

SUMS = Arithmetic("test")


def broken(found: StressTest) -> set[str]:
    return {effect.name for effect in found.effects if effect.broken() is not None}


def test_a_verifier_that_an_opener_unlocks() -> None:
    """As in arXiv 2507.08794: an opening without a solution is taken for one."""

    def gullible(solution: Solution) -> float:
        return 3.0 if "Thought process:" in solution.text else 2.0 if "=" in solution.text else -1.0

    found = stress_verifier(CallableJudge(scores=gullible), SUMS, questions=5)
    assert broken(found) == {"opener thought"}
    effects = {effect.name: effect for effect in found.effects}
    opener = effects["opener thought"]
    assert (opener.shift.value, opener.won.value, opener.right_against_it.value) == (4, 1, 0)
    assert len(opener.pairs) == 5  # there is one, whatever the answer would have been
    assert len(effects["flattery"].pairs) == 10
    assert effects["worked solution"].shift.value == 3
    assert found.plain.accuracy.value == 0.5  # it rejects every bare answer, right or wrong
    assert found.blind is None


def test_the_wrong_answer_is_wrong_and_the_same_each_time() -> None:
    told: list[dict[str, bool]] = []
    for _ in range(2):
        seen: dict[str, bool] = {}

        def score(solution: Solution, seen: dict[str, bool] = seen) -> float:
            if solution.text.startswith("Answer: ") and solution.text.count("\n") == 0:
                question = next(q for q in SUMS.sample(8, seed=3) if q.id == solution.question_id)
                seen[f"{question.id} {solution.text}"] = SUMS.check(question, solution.text.removeprefix("Answer: "))
            return 0.0

        stress_verifier(CallableJudge(scores=score), SUMS, questions=8, seed=3)
        told.append(seen)
    assert told[0] == told[1]
    assert sorted(told[0].values()) == [False] * 8 + [True] * 8


def test_bad_input() -> None:
    words = ListTask([Question("q", "Which town?", truth="Paris")], name="towns")
    with pytest.raises(ValueError, match="'Paris', is no number"):
        stress_verifier(lambda solution: "Yes", words, questions=1)
    with pytest.raises(ValueError, match="give ProverVerifier"):
        stress_verifier(lambda solution: "Yes", SUMS, protocol=ProverVerifier())
    with pytest.raises(ValueError, match="no checker"):
        stress_verifier(lambda solution: "Yes", make_task("passages"))
