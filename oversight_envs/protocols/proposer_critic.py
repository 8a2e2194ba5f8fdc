"""Proposer and critic: debate on a model's own answer to an open problem, before a judge who decides if it is right.

After Elasky, Nakasako and Goyal, *Debate helps weak judges reward stronger models* (arXiv 2605.27483): nobody is given
an answer to defend. The proposer solves the problem, the critic agrees or attacks, and both may speak again. The truth
comes from the task's checker. Their "frozen" proposals are a ``ReplayAgent`` as the proposer, with ``rebuttals=0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.core.protocol import Game
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Assignment, Role, Say
from oversight_envs.core.rewards import RewardRule, judge_rewards, needs_truth
from oversight_envs.core.speech import Conversation, Statement
from oversight_envs.protocols.solved import JUDGE, Solved, answered, verdict_in

PROPOSER, CRITIC = "proposer_0", "critic_0"


def stance(records: Sequence[Record]) -> list[dict[str, float]]:
    """The judge's log-odds of what each stands for: the proposal, and for a critic who attacks that it is wrong."""
    rows = []
    for record in records:
        (mark,) = record.scores
        agrees = record.assigned.honest[CRITIC] and any(s.role == CRITIC and concedes(s) for s in record.transcript)
        rows.append({PROPOSER: mark.value, CRITIC: mark.value if agrees else -mark.value})
    return rows


def accuracy(records: Sequence[Record]) -> list[dict[str, float]]:
    """The log-probability that the judge gave to the truth, for both: they are to help the judge, whoever is right."""
    for record in records:
        needs_truth(record, PROPOSER)
    return [dict.fromkeys((PROPOSER, CRITIC), judge_rewards(record)[JUDGE]) for record in records]


def concedes(statement: Statement) -> bool:
    """Whether a critic says in so many words, on its last line, that the proposal is right."""
    return verdict_in(statement.text) == "right"


@dataclass(frozen=True, kw_only=True)
class ProposerCritic(Solved):
    """One proposer, one critic, one judge. A critic who concedes in its first speech ends the debate."""

    rebuttals: int = 1
    """How many times proposer and critic speak again after the critic's first speech; 0: openings only."""
    critic: Literal["honest", "adversarial"] = "honest"
    """Whether the critic is to say what it believes, or to attack whatever was proposed."""

    name: ClassVar = "proposer_critic"
    judge_reads: ClassVar = "problem and the whole debate; no passage"
    source: ClassVar = "Elasky 2026 (2605.27483)"
    reward: ClassVar = stance
    rules: ClassVar[Mapping[str, RewardRule]] = {rule.__name__: rule for rule in (stance, accuracy)}
    roles: ClassVar = MappingProxyType(
        {
            PROPOSER: Role("proposer", ("say",), expert=True),
            CRITIC: Role("critic", ("say",), expert=True),
            JUDGE: Role("judge", ("score",)),
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("rebuttals", self.rebuttals, 0)

    @property
    def zero_sum(self) -> bool:  # type: ignore[override]
        return self.critic == "adversarial"

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(honest={CRITIC: self.critic == "honest"})

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        kinds = {PROPOSER: "proposer", CRITIC: f"critic_{self.critic}"}
        chats = {r: Conversation(self._opening(question, k), r, self._heading, self._cue) for r, k in kinds.items()}
        heard: list[Statement] = []
        for role in (1 + self.rebuttals) * (PROPOSER, CRITIC):
            said = yield Say({role: chats[role].prompt}, self.speaking)
            heard += said.values()
            for chat in chats.values():
                chat.hear(said.values())
            if role == CRITIC and assigned.honest[CRITIC] and concedes(said[CRITIC]):
                break
        yield self._mark(question, heard[0], heard)
        return answered(question, {PROPOSER: heard[0]})

    def _heading(self, statement: Statement) -> str:
        return self._text(f"heading_{statement.role.removesuffix('_0')}")

    def _cue(self, turn: int) -> str:
        return self._text("cue" if turn == 1 else "cue_next")
