"""Judges that are functions: any Python function, and an oracle that knows the answers, for tests and ceilings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oversight_envs.core.players import PlayerError
from oversight_envs.core.requests import Case, Solution
from oversight_envs.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class CallableJudge:
    """A function of one case as a judge, a function of one solution as a verifier, or both.

    ``decides(case)`` returns one number, the log-odds of the first of two labels, or a probability for each label.
    ``scores(solution)`` returns one number V.
    """

    decides: Callable[[Case], float | Sequence[float]] | None = None
    scores: Callable[[Solution], float] | None = None

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        if self.decides is None:
            raise TypeError("this CallableJudge has no function for cases: CallableJudge(decides=...)")
        return [_as_verdict(self.decides(case), case) for case in cases]

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        if self.scores is None:
            raise TypeError("this CallableJudge has no function for solutions: CallableJudge(scores=...)")
        return [self.scores(solution) for solution in solutions]

    @property
    def description(self) -> dict[str, Any]:
        functions = [f for f in (self.decides, self.scores) if f is not None]
        return {
            "type": "function",
            "name": " ".join(getattr(f, "__qualname__", type(f).__qualname__) for f in functions),
        }


def _as_verdict(value: float | Sequence[float], case: Case) -> Verdict:
    if isinstance(value, Sequence) or np.ndim(value) > 0:
        probabilities = [float(p) for p in value]  # type: ignore[union-attr]
        if len(probabilities) != len(case.labels) or not all(0 < p < 1 for p in probabilities):
            raise PlayerError(
                f"a judge's function must give a probability strictly between 0 and 1 for each of {case.labels}, "
                f"not {value!r:.200}"
            )
        return Verdict(tuple(math.log(p) for p in probabilities))
    if len(case.labels) != 2:
        raise PlayerError(f"one number can't decide between {len(case.labels)} labels: return a probability for each")
    log_odds = float(value)
    if not math.isfinite(log_odds):
        raise PlayerError(f"a judge's function returned log-odds that are not finite: {log_odds}")
    return Verdict((-float(np.logaddexp(0, -log_odds)), -float(np.logaddexp(0, log_odds))))


@dataclass(frozen=True)
class OracleJudge:
    """A judge that knows: ``answers`` maps question ids to the right option's text (cases carry no truth).

    It gives the right option probability ``confidence``, so its rewards can be asserted exactly.
    """

    answers: Mapping[str, str]
    confidence: float = 0.99

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence={self.confidence}: give a probability strictly between 0 and 1")

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [self._decide(case) for case in cases]

    def _decide(self, case: Case) -> Verdict:
        if case.question_id not in self.answers:
            raise PlayerError(f"the oracle was given no answer to question {case.question_id!r}")
        answer = self.answers[case.question_id]
        if answer not in case.options:
            raise PlayerError(f"the oracle's answer {answer!r} to {case.question_id!r} is none of {case.options}")
        right = case.options.index(answer)
        rest = (1 - self.confidence) / (len(case.options) - 1)
        return Verdict(tuple(math.log(self.confidence if k == right else rest) for k in range(len(case.options))))

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "oracle", "confidence": self.confidence}
