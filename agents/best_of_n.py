"""Best-of-N: draw N speeches, keep the one that a judge likes best.

The cheapest way to make a debater stronger, and the one with which debate's effect on judge accuracy is usually
measured (Khan et al. 2024, arXiv 2402.06782; Anthropic, fall 2023 debate update).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Ask, Judge, PlayerError, Speaker, Turn, Verifier, answer_asks, describe_player
from oversight_envs.core.protocol import Speech


class BestOfNAgent:
    """Draws ``n`` speeches from ``agent`` for each turn and keeps the one that serves its role best under ``judge``.

    To value a candidate the episode is branched, the candidate is spoken, and everyone else is silent from then on, and
    at this very turn: roles that speak at once don't hear each other, whoever was asked first. Then ``judge`` (a judge
    or a verifier, as the game needs) decides; the value is the log-odds of the role's own answer, or the score V of its
    solution. Ties go to the earlier draw. ``n`` and all values are kept in ``Speech.info``.
    """

    def __init__(self, agent: Speaker, judge: Judge | Verifier, n: int) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"n={n!r}: give a whole number of at least 1")
        if not callable(getattr(agent, "speak", None)):
            raise TypeError(f"agent={agent!r} can't speak: give an agent with speak(turns)")
        if not (callable(getattr(judge, "decide", None)) or callable(getattr(judge, "score", None))):
            raise TypeError(f"judge={judge!r} can neither decide nor score")
        self.agent, self.judge, self.n = agent, judge, n

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        drawn = [replace(turn, draw=turn.draw * self.n + k) for turn in turns for k in range(self.n)]
        speeches = [speech for speech in answer_asks(self.agent, drawn) if isinstance(speech, Speech)]
        values = self._values(drawn, speeches)
        kept = []
        for start in range(0, len(drawn), self.n):
            scores = values[start : start + self.n]
            best = speeches[start + scores.index(max(scores))]
            kept.append(replace(best, info={**best.info, "best_of": self.n, "values": scores}))
        return kept

    def _values(self, turns: Sequence[Turn], speeches: Sequence[Speech]) -> list[float]:
        branches = []
        for turn, speech in zip(turns, speeches, strict=True):
            branch = turn.episode.branch(unanswered=True)
            branch.answer(next(ask for ask in branch.asks if ask.index == turn.index), speech)
            branches.append(branch)
        while waiting := self._silence(branches):
            asks = [ask for _, ask in waiting]
            for (branch, ask), reply in zip(waiting, answer_asks(self.judge, asks), strict=True):
                branch.answer(ask, reply)
        return [_value(branch, turn.role) for branch, turn in zip(branches, turns, strict=True)]

    def _silence(self, branches: Sequence[Episode]) -> list[tuple[Episode, Ask]]:
        """Lets everyone who is asked to speak say nothing; returns what is then left to judge."""
        for branch in branches:
            while any(isinstance(ask, Turn) for ask in branch.asks):
                branch.answer(branch.asks[0], "")
        return [(branch, ask) for branch in branches for ask in branch.asks]

    @property
    def description(self) -> dict[str, Any]:
        described = {"agent": describe_player(self.agent), "judge": describe_player(self.judge)}
        return {"type": "best_of_n", "n": self.n, **described}


def _value(episode: Episode, role: str) -> float:
    outcome = episode.outcome
    if outcome is not None and role in outcome.scores:
        return outcome.scores[role]
    if outcome is not None and outcome.decision is not None and role in outcome.sides:
        return outcome.decision.verdict.log_odds(outcome.sides[role])
    raise PlayerError(f"{role} argues for no answer and has no score in {episode.protocol.name}: nothing to rank by")
