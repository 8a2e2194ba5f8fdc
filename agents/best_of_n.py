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

    A judge that learned from debates never read one in which a side is silent. With ``opponent`` each other role says
    one speech of its before all are silent: a draw of its own, independent of what is said in the episode, and the same
    for all candidates where they are not heard.

    A ``RankingJudge`` in the judge's place orders all candidates in one call: no one else is asked, and the values are
    places, from 1 for the first to -1 for the last.

    It is made of players: what it asks of agent and judge joins the batches of everyone who plays.
    """

    does: ClassVar[frozenset[Duty]] = frozenset({"say"})

    def __init__(self, agent: Any, judge: Any, n: int, *, opponent: Any = None) -> None:
        at_least("n", n, 1)
        for name, speaker in {"agent": agent, "opponent": opponent}.items():
            can_speak = callable(getattr(speaker, "speak", None)) or shape(speaker) != "batch"
            if not can_speak and not (name == "opponent" and speaker is None):
                raise TypeError(f"{name}={speaker!r} can't speak: give an agent with speak(turns)")
        judge = as_judge(judge)
        can_judge = callable(getattr(judge, "decide", None)) or callable(getattr(judge, "score", None))
        if isinstance(judge, RankingJudge):
            at_least("n", n, 2)  # of one there is no order
            if opponent is not None:
                raise ValueError("opponent: a RankingJudge orders candidates by themselves; leave opponent out")
        elif not can_judge and shape(judge) == "batch":
            raise TypeError(f"judge={judge!r} can neither decide nor score")
        self.agent, self.judge, self.n, self.opponent = agent, judge, n, opponent

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
            if self.opponent is not None:
                yield from self._opposed(ask.role, branches)
            while waiting := [(branch, asked) for branch in branches for asked in _left_to_judge(branch)]:
                replies = yield Consult(self.judge, [asked for _, asked in waiting])
                for (branch, asked), reply in zip(waiting, replies, strict=True):
                    branch.answer(asked, reply)
            values = [_value(branch, ask.role) for branch in branches]
        best = speeches[values.index(max(values))]
        return replace(best, info={**best.info, "best_of": self.n, "values": values})

    def _opposed(self, own: str, branches: Sequence[Episode]) -> Generator[Consult, list[Any], None]:
        """Lets each role but ``own`` speak once, as long as they are asked before ``own`` is asked again."""
        spoken: set[tuple[int, str]] = set()
        while waiting := [
            (place, turn)
            for place, branch in enumerate(branches)
            for turn in branch.asks
            if isinstance(turn, Turn) and turn.role != own and (place, turn.role) not in spoken
        ]:
            # speakers' own draws count from 0
            asked = {(turn.role, turn.prompt): replace(turn, draw=-1) for _, turn in waiting}
            speeches = yield Consult(self.opponent, list(asked.values()))
            said = dict(zip(asked, speeches, strict=True))
            for place, turn in waiting:
                branches[place].answer(turn, said[turn.role, turn.prompt])
                spoken.add((place, turn.role))

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
        if self.opponent is not None:
            described["opponent"] = describe_player(self.opponent)
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
