"""How many games a part is, and what it would take of models behind servers: nobody is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from oversight_envs.core.requests import Case
from oversight_envs.core.usage import Spent, Usage, summed, summed_by_role
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation.benchmark.plan import Planned
from oversight_envs.evaluation.robustness import stress_judge
from oversight_envs.play.estimate import estimate
from oversight_envs.protocols import Debate


def expected(planned: Planned, seed: int) -> tuple[int, Usage]:
    """Games of a part that is played, its baselines' included; and calls and tokens by role and model, an upper
    estimate (see ``play/estimate.py``)."""
    part, game, questions = planned.part, planned.game, planned.questions
    if part.stress:
        return _tested(planned, seed)
    taken = [estimate(game, planned.players, questions, sides=part.sides, seed=seed)]
    for name in part.baselines:
        judge = {"judge_0": planned.players["judge_0"]}
        taken.append(estimate(game.baselines()[name], judge, questions, seed=seed))
    games = len(questions) * ((2 if part.sides == "both" else 1) + len(part.baselines))
    return games, summed_by_role(taken)


class _Undecided:
    """In a judge's place: finds every case even, and counts what the judge would have taken."""

    def __init__(self, judge: Any) -> None:
        self.lm = getattr(judge, "lm", None)
        self.spent: list[Spent] = []
        self._expects = getattr(judge, "expects", None)

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        for case in cases:
            if callable(self._expects) and (spent := self._expects(case)) is not None:
                self.spent.append(spent)
        return [Verdict((-math.log(len(case.labels)),) * len(case.labels)) for case in cases]


def _tested(planned: Planned, seed: int) -> tuple[int, Usage]:
    undecided, games = _Undecided(planned.players["judge_0"]), [0]
    assert isinstance(planned.game, Debate)
    stress_judge(
        undecided,
        planned.task,
        protocol=planned.game,
        questions=planned.questions,
        seed=seed,
        on_done=lambda _, total: games.append(total),
    )
    return games[-1], {"judge_0": summed(undecided.spent)} if undecided.spent else {}
