"""Small games with known verdicts, for the tests of what is measured and shown of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.players import Players
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Case
from oversight_envs.evaluation import Estimate
from oversight_envs.judges import CallableJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier

PASSAGE = "The mill stood by the river. On Monday the miller sold it to his sister, and she let it fall down."


HOSTILE = (
    "<script>alert('x')</script><img src=x onerror=alert(1)>[bold red]{{ 7 * 7 }} "
    '<quote>the miller sold it to his sister</quote> <quote>"><script>steal()</script> sold</quote> http://evil.example/'
)


class Questions(Task):
    """A few questions, with or without options."""

    name, split = "questions", "all"

    def __init__(self, count: int = 4, *, options: bool = True, passage: str = PASSAGE) -> None:
        self.checkable = not options
        self._questions = [
            Question(
                id=f"q{i}",
                text=f"Who has the mill, version {i}?",
                options=("the sister", "the miller") if options else (),
                passage=passage,
                truth=i % 2 if options else str(i),
            )
            for i in range(count)
        ]

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, index: int) -> Question:
        return self._questions[index]

    def check(self, question: Question, answer: str | None) -> bool:
        return answer == question.truth


def play(
    protocol: Protocol, task: Task, log_odds: Mapping[str, float], said: Any = ("I agree.",), **options: Any
) -> list[Record]:
    """Plays every question; the judge gives the *right* answer the log-odds listed for the question."""

    def decide(case: Case) -> float:
        question = next(task[i] for i in range(len(task)) if task[i].id == case.question_id)
        assert isinstance(question.truth, int)
        sign = 1 if case.options[0] == question.options[question.truth] else -1
        return sign * log_odds[case.question_id]

    speaker = ScriptedAgent(said)
    players = {r: CallableJudge(log_odds=decide) if r == "judge_0" else speaker for r in protocol.roles}
    return rollout(protocol, task, players, questions=[task[i] for i in range(len(task))], **options)


def close(estimate: Estimate, value: float, low: float | None = None, high: float | None = None) -> None:
    assert estimate.value == pytest.approx(value, abs=1e-4)
    if low is not None:
        assert estimate.interval == pytest.approx((low, high), abs=1e-4)


def solve(scores: Any, answers: Any) -> list[Record]:
    task = Questions(4, options=False, passage="")
    speaker = ScriptedAgent(answers)
    players: Players = {"helpful_0": speaker, "sneaky_0": speaker, "verifier_0": CallableJudge(scores=scores)}
    return rollout(ProverVerifier(), task, players, questions=[task[i] for i in range(4)])


def players_of(protocol: Protocol, said: Sequence[str] = ("Hm.",)) -> dict[str, Any]:
    judge = CallableJudge(log_odds=lambda case: 1.0 if case.options[0] == "the sister" else -1.0)
    return {r: judge if r == "judge_0" else ScriptedAgent(list(said)) for r in protocol.roles}
