"""Best-of-N: draw N speeches, keep the one that a judge likes best.

The cheapest way to make a debater stronger, and the one with which debate's effect on judge accuracy is usually
measured (Khan et al. 2024, arXiv 2402.06782; Anthropic, fall 2023 debate update).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from oversight_envs.core.checks import at_least
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Consult, PlayerError, describe_player, shape
from oversight_envs.core.requests import Ask, Duty, Turn
from oversight_envs.core.speech import Speech
from oversight_envs.judges.functions import as_judge
from oversight_envs.judges.ranking import Group, RankingJudge, problem_of, value_of


class BestOfNAgent:
    """Draws ``n`` speeches from ``agent`` for each turn and keeps the one that serves its role best under ``judge``.

    To value a candidate the episode is branched, the candidate is spoken, and everyone else is silent from then on, and
    at this very turn: roles that speak at once don't hear each other, whoever was asked first. Then ``judge`` (a judge
    or a verifier, as the game needs) decides; the value is the log-odds of the role's own answer, or the score V of its
    solution. Ties go to the earlier draw. ``n`` and all values are kept in ``Speech.info``.

    A ``RankingJudge`` in the judge's place orders all candidates in one call: no one else is asked, and the values are
    places, from 1 for the first to -1 for the last.

    It is made of players: what it asks of agent and judge joins the batches of everyone who plays.
    """

    does: ClassVar[frozenset[Duty]] = frozenset({"say"})

    def __init__(self, agent: Any, judge: Any, n: int) -> None:
        at_least("n", n, 1)
        if not callable(getattr(agent, "speak", None)) and shape(agent) == "batch":
            raise TypeError(f"agent={agent!r} can't speak: give an agent with speak(turns)")
        judge = as_judge(judge)
        can_judge = callable(getattr(judge, "decide", None)) or callable(getattr(judge, "score", None))
        if isinstance(judge, RankingJudge):
            at_least("n", n, 2)  # of one there is no order
        elif not can_judge and shape(judge) == "batch":
            raise TypeError(f"judge={judge!r} can neither decide nor score")
        self.agent, self.judge, self.n = agent, judge, n

    def answer(self, ask: Ask) -> Generator[Consult, list[Any], Speech]:
        if not isinstance(ask, Turn) or ask.ahead is None:
            raise PlayerError(f"best of {self.n} speaks for experts, and {ask.role} is none or is to decide")
        speeches: list[Speech] = yield Consult(
            self.agent, [replace(ask, draw=ask.draw * self.n + k) for k in range(self.n)]
        )
        branches = [_spoken(ask, speech) for speech in speeches]
        if isinstance(self.judge, RankingJudge):
            values = yield from self._ranked(ask, branches)
        else:
            while waiting := [(branch, asked) for branch in branches for asked in _left_to_judge(branch)]:
                replies = yield Consult(self.judge, [asked for _, asked in waiting])
                for (branch, asked), reply in zip(waiting, replies, strict=True):
                    branch.answer(asked, reply)
            values = [_value(branch, ask.role) for branch in branches]
        best = speeches[values.index(max(values))]
        return replace(best, info={**best.info, "best_of": self.n, "values": values})

    def _ranked(self, turn: Turn, branches: Sequence[Episode]) -> Generator[Consult, list[Any], list[float]]:
        """The candidates' values by one ranking of them, as others would read them."""
        for branch in branches:
            _left_to_judge(branch)
        heard = [next(s.text for s in branch.transcript if s.index == turn.index) for branch in branches]
        problem = problem_of(turn.question, turn.options, turn.argues_for)
        places = yield from self.judge.consult(Group(problem, heard, turn.seed))
        return [value_of(place, self.n) for place in places]

    @property
    def description(self) -> dict[str, Any]:
        described = {"agent": describe_player(self.agent), "judge": describe_player(self.judge)}
        return {"type": "best_of_n", "n": self.n, **described}


def _spoken(turn: Turn, speech: Speech) -> Episode:
    """What becomes of the episode if this is said."""
    branch: Episode = turn.ahead.branch()
    branch.answer(next(ask for ask in branch.asks if ask.index == turn.index), speech)
    return branch


def _left_to_judge(branch: Episode) -> Sequence[Ask]:
    """Lets everyone who is asked to speak say nothing; what is asked then."""
    while any(isinstance(ask, Turn) for ask in branch.asks):
        branch.answer(branch.asks[0], "")
    return branch.asks


def _value(episode: Episode, role: str) -> float:
    for scored in episode.scores:
        if scored.author == role:
            return scored.value
    if episode.decisions and role in episode.assigned.sides:
        return episode.decisions[-1].verdict.log_odds(episode.assigned.sides[role])
    raise PlayerError(f"{role} argues for no answer and has no score in {episode.protocol.name}: nothing to rank by")
