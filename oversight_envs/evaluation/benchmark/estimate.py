"""How many games a part is, and what it would take of models behind servers: nobody is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from oversight_envs.core.protocol import Protocol
from oversight_envs.core.requests import Case
from oversight_envs.core.usage import Spent, Usage, summed, summed_by_role
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation.benchmark.plan import Planned
from oversight_envs.evaluation.robustness import stress_judge
from oversight_envs.play.estimate import estimate


def games(planned: Planned, seed: int) -> int:
    """Games of a part that is played, those of its baselines included."""
    part = planned.part
    if part.stress:
        return _tested(planned, seed).games
    return len(planned.questions) * ((2 if part.sides == "both" else 1) + len(part.baselines))


def usage(planned: Planned, seed: int) -> Usage:
    """Calls and tokens by role and model: an upper estimate, see ``play/estimate.py``."""
    part = planned.part
    if part.stress:
        spent = _tested(planned, seed).spent
        return {"judge_0": summed(spent)} if spent else {}
    game: Protocol = planned.game
    taken = [estimate(game, planned.players, planned.questions, sides=part.sides, seed=seed)]
    judge = {"judge_0": planned.players.get("judge_0")}
    taken += [estimate(game.baselines()[name], judge, planned.questions, seed=seed) for name in part.baselines]
    return summed_by_role(taken)


class _Undecided:
    """In a judge's place: finds every case even, and counts what the judge would have taken."""

    def __init__(self, judge: Any) -> None:
        self.lm = getattr(judge, "lm", None)
        self.spent: list[Spent] = []
        self.games = 0
        self._expects = getattr(judge, "expects", None)

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        for case in cases:
            if callable(self._expects) and (spent := self._expects(case)) is not None:
                self.spent.append(spent)
        return [Verdict((-math.log(len(case.labels)),) * len(case.labels)) for case in cases]


def _tested(planned: Planned, seed: int) -> _Undecided:
    undecided = _Undecided(planned.players["judge_0"])
    stress_judge(
        undecided,
        planned.task,
        protocol=planned.game,  # type: ignore[arg-type]
        questions=planned.questions,
        seed=seed,
        on_done=lambda _, total: setattr(undecided, "games", total),
    )
    return undecided
