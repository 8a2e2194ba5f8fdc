"""Judges that are functions: any Python function, and an oracle that knows the answers, for tests and ceilings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

from oversight_envs.core.answers import DecisionError
from oversight_envs.core.players import PlayerError
from oversight_envs.core.requests import Case, Solution
from oversight_envs.core.verdict import Verdict

Decided = Verdict | str | Mapping[str, float] | Sequence[float]
"""What a function may return to decide: a ``Verdict``; an answer in words, read as a person's would be (``"A"``,
``"A: 0.7, B: 0.3"``); or a probability for each label, by label or in their order."""


@dataclass(frozen=True, slots=True)
class CallableJudge:
    """A function of one case as a judge, a function of one solution as a verifier, or both.

    A number could be a probability or log-odds, so the argument says which it is. Give one of:

    - ``decides(case)`` returns what no one can mistake: see ``Decided``. A plain function in a judge's place is this.
    - ``log_odds(case)`` returns the log-odds of the first of two labels, any finite number: 0 is even.
    - ``probability(case)`` returns the probability of the first of two labels, strictly between 0 and 1.

    ``scores(solution)`` returns V, the log-odds that a solution is right, or says it in words (``"Yes"``, ``"70%"``).

        CallableJudge(lambda case: "A")
        CallableJudge(probability=lambda case: 0.8)
    """

    decides: Callable[[Case], Decided] | None = None
    _: KW_ONLY
    log_odds: Callable[[Case], float | Decided] | None = None
    probability: Callable[[Case], float | Decided] | None = None
    scores: Callable[[Solution], float | str] | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("decides", "log_odds", "probability", "scores") if getattr(self, name) is not None]
        if not given or len(set(given) - {"scores"}) > 1:
            raise TypeError(
                f"CallableJudge was given {' and '.join(given) or 'no function'}: give one of decides=, log_odds= and "
                "probability=, or scores=, or one of them and scores="
            )
        for name in given:
            if not callable(getattr(self, name)):
                raise TypeError(f"CallableJudge({name}={getattr(self, name)!r:.80}): give a function")

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        given: dict[_Means, Any] = {
            "decides": self.decides,
            "log_odds": self.log_odds,
            "probability": self.probability,
        }
        for means, function in given.items():
            if function is not None:
                return [_as_verdict(function(case), case, means, _name(function)) for case in cases]
        raise TypeError("this CallableJudge has no function for cases: CallableJudge(probability=...)")

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        if self.scores is None:
            raise TypeError("this CallableJudge has no function for solutions: CallableJudge(scores=...)")
        return [_as_score(self.scores(solution), solution, _name(self.scores)) for solution in solutions]

    @property
    def description(self) -> dict[str, Any]:
        functions = [f for f in (self.decides, self.log_odds, self.probability, self.scores) if f is not None]
        return {"type": "function", "name": " ".join(dict.fromkeys(map(_name, functions)))}


def as_judge(player: Any) -> Any:
    """``player``; a plain function in a judge's or verifier's place as one, which decides or scores as it is asked."""
    if isinstance(player, type) or not callable(player):
        return player
    if any(callable(getattr(player, method, None)) for method in ("decide", "score", "answer")):
        return player
    return CallableJudge(player, scores=player)


_Means = Literal["decides", "log_odds", "probability"]


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


def _number(value: Any) -> float | None:
    """A finite number, Python's or NumPy's; None for anything else."""
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _plain(value: Any) -> Any:
    """An array or tensor as numbers; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, Real) else value


def _as_verdict(value: Any, case: Case, means: _Means, name: str) -> Verdict:
    labels = case.labels
    returned = f"a judge's function, {name}, returned {value!r:.200} for question {case.question_id!r}"
    value = _plain(value)
    if isinstance(value, Verdict):
        return value
    if isinstance(value, str):
        try:
            verdict = case.read(value)
        except DecisionError as error:
            raise PlayerError(f"{returned}: {error}") from None
        assert isinstance(verdict, Verdict)
        return verdict
    if isinstance(value, Mapping):
        if set(value) != set(labels):
            raise PlayerError(f"{returned}: give a probability for each of {', '.join(labels)} and for nothing else")
        return _from_probabilities([value[label] for label in labels], returned)
    if isinstance(value, (list, tuple)):
        if len(value) != len(labels):
            raise PlayerError(f"{returned}: give a probability for each of {', '.join(labels)}")
        return _from_probabilities(value, returned)
    number = _number(value)
    if number is None:
        fix = {
            "log_odds": "give a finite number",
            "probability": "give a number between 0 and 1",
            "decides": "give a label, a Verdict or a probability for each label",
        }[means]
        raise PlayerError(f"{returned}: {fix}")
    if means == "decides":
        raise PlayerError(
            f"{returned}, which could be a probability or log-odds: say which by CallableJudge(probability={name}) or "
            f"CallableJudge(log_odds={name}), or return a label or a probability for each label"
        )
    if len(labels) != 2:
        raise PlayerError(f"{returned}: one number can't decide between {len(labels)} labels; give one for each")
    if means == "probability":
        return _from_probabilities([number, 1 - number], returned)
    return Verdict((-float(np.logaddexp(0, -number)), -float(np.logaddexp(0, number))))


def _from_probabilities(values: Sequence[Any], returned: str) -> Verdict:
    probabilities = [p for p in map(_number, values) if p is not None and 0 < p < 1]
    if len(probabilities) < len(values):
        raise PlayerError(f"{returned}: a probability is strictly between 0 and 1 (0.99 if it is sure)")
    if abs(sum(probabilities) - 1) > 1e-3:
        raise PlayerError(f"{returned}: the probabilities sum to {sum(probabilities):.4g}, and must sum to 1")
    return Verdict(tuple(math.log(p) for p in probabilities))


def _as_score(value: Any, solution: Solution, name: str) -> float:
    returned = f"a verifier's function, {name}, returned {value!r:.200} for question {solution.question_id!r}"
    if isinstance(value, str):
        try:
            return float(solution.read(value))  # type: ignore[arg-type]
        except DecisionError as error:
            raise PlayerError(f"{returned}: {error}") from None
    number = _number(_plain(value))
    if number is None:
        raise PlayerError(f"{returned}: give V, the log-odds that the solution is right, as a finite number")
    return number


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
