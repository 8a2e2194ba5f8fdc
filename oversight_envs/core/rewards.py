"""Rewards as functions of finished episodes.

A rule sees records (speeches, verdicts, scores, truth) and nothing else, so one rule serves ``env.step``, training and
the re-scoring of old logs. Whoever decides or scores earns the log score of the truth, whatever the role is called,
unless the rule itself pays it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from oversight_envs.core.episode import Episode
from oversight_envs.core.protocol import Protocol, default_reward
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record, make_record
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict

RewardRule = Callable[[Sequence[Record]], Sequence[dict[str, float]]]
"""Finished records of a batch -> for each the rewards of its players by role."""


# --- who argues for an answer ---------------------------------------------------------------------------------------


def _by_side(records: Sequence[Record], payoff: Callable[[Verdict, int, float], float]) -> list[dict[str, float]]:
    """Pays each side by the last verdict, the option that it argued for, and how much the verdict prefers that."""
    for record in records:
        if record.decision is None:
            raise ValueError(f"this reward needs a judge's decision, and {record.protocol} has none")
    return [
        {
            role: payoff(record.decision.verdict, side, _preference(record.decision.verdict, side, record))
            for role, side in record.assigned.sides.items()
        }
        for record in records
        if record.decision is not None
    ]


def _preference(verdict: Verdict, side: int, record: Record) -> float:
    """Log-odds of an answer against the one other that is argued for, or against all others."""
    rivals = set(record.assigned.sides.values()) - {side}
    if len(rivals) == 1:
        return verdict.log_probs[side] - verdict.log_probs[rivals.pop()]
    return verdict.log_odds(side)


def logit(records: Sequence[Record]) -> list[dict[str, float]]:
    """Log-odds of the own answer: for two options the logit difference (Anthropic, fall 2023 debate update).

    Where two of several options are argued for it is their logit difference: who argues for one is paid for how much
    it is preferred to the other. Zero-sum."""
    return _by_side(records, lambda verdict, side, preference: preference)


def probability(records: Sequence[Record]) -> list[dict[str, float]]:
    """Probability of the own answer less that of the other: p - (1 - p) = tanh(logit / 2). Zero-sum, bounded."""
    return _by_side(records, lambda verdict, side, preference: math.tanh(preference / 2))


def log_probability(records: Sequence[Record]) -> list[dict[str, float]]:
    """Log-probability of the own answer. Not zero-sum: a judge in doubt costs both sides."""
    return _by_side(records, lambda verdict, side, preference: verdict.log_probs[side])


def win(records: Sequence[Record]) -> list[dict[str, float]]:
    """+1 for the side that the judge prefers, -1 for the other, 0 for a tie. Zero-sum."""
    return _by_side(records, lambda verdict, side, preference: float(np.sign(preference)))


# --- who wrote a solution -------------------------------------------------------------------------------------------


class SolutionScore(NamedTuple):
    """What a prover is paid by."""

    value: float
    """V, the verifier's score."""
    relative: float
    """V', which is V less the mean over the group's solutions to the same question by the same role. A record without
    a group stands alone, and V' = V (the verifier's regulariser centres V at 0)."""
    correct: bool
    helpful: bool
    """Whether the prover was told to be right."""


def _by_solution(records: Sequence[Record], payoff: Callable[[SolutionScore], float]) -> list[dict[str, float]]:
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.group is not None:
            for scored in record.scores:
                values[record.group, record.question.id, scored.author].append(scored.value)
    rewards = []
    for record in records:
        row: dict[str, float] = {}
        for scored in record.scores:
            author = scored.author
            needs_truth(record, author)
            if author not in record.assigned.honest:
                raise ValueError(
                    f"{record.protocol} does not say whether {author} is to be right, which this reward needs"
                )
            mates = values[record.group, record.question.id, author] if record.group is not None else []
            baseline = sum(mates) / len(mates) if mates else 0.0
            row[author] = payoff(
                SolutionScore(
                    scored.value, scored.value - baseline, record.correct[author], record.assigned.honest[author]
                )
            )
        if not row:
            raise ValueError(f"this reward needs a verifier's scores, and {record.protocol} as configured has none")
        rewards.append(row)
    return rewards


def needs_truth(record: Record, role: str) -> None:
    """Raises ValueError where nobody knows whether what ``role`` answered is right."""
    if role not in record.correct:
        raise ValueError(f"question {record.question.id!r} has no known truth, which this reward needs")


def src(records: Sequence[Record]) -> list[dict[str, float]]:
    """The prover-verifier paper's main reward (arXiv 2407.13692): V' with the sign of (correct == helpful) if V' > 0,
    else -1. With it a sneaky prover gains by convincing wrong solutions and loses by convincing right ones."""

    def payoff(s: SolutionScore) -> float:
        if s.relative <= 0:
            return -1.0
        return s.relative if s.correct == s.helpful else -s.relative

    return _by_solution(records, payoff)


def cgc(records: Sequence[Record]) -> list[dict[str, float]]:
    """Convincingness, given that the prover did as its role demands; -2 otherwise."""
    return _by_solution(records, lambda s: s.value if s.correct == s.helpful else -2.0)


def goodhart(records: Sequence[Record]) -> list[dict[str, float]]:
    """Convincingness alone, whatever the role: what an optimiser does to a verifier that nobody guards."""
    return _by_solution(records, lambda s: s.value)


def correctness(records: Sequence[Record]) -> list[dict[str, float]]:
    """Correctness alone, whatever the role; it needs no verifier: the control without one."""
    for record in records:
        for role in record.answers:
            needs_truth(record, role)
    return [{role: float(record.correct[role]) for role in record.answers} for record in records]


# --- rules of any game ----------------------------------------------------------------------------------------------


def nobody(records: Sequence[Record]) -> list[dict[str, float]]:
    """Pays no player: for games of judges alone, who earn their log score."""
    return [{} for _ in records]


@dataclass(frozen=True, slots=True)
class WithCosts:
    """``rule`` with a price: every role that spoke pays ``per_token`` for each token that it drew.

    ``unreadable``, where given, is what a solution without a readable final answer earns in place of the rule's reward,
    whatever the role: without it a sneaky prover is wrong, as it should be, by not answering at all.
    """

    rule: RewardRule
    per_token: float = 0.0
    unreadable: float | None = None

    def __call__(self, records: Sequence[Record]) -> list[dict[str, float]]:
        return [
            {
                role: self._own(record, role, value) - self.per_token * _tokens(record, role)
                for role, value in row.items()
            }
            for record, row in zip(records, self.rule(records), strict=True)
        ]

    @property
    def name(self) -> str:
        """What the record calls it."""
        return f"{rule_name(self.rule)}, {self.per_token:g} a token, {self.unreadable} if unreadable"

    def _own(self, record: Record, role: str, value: float) -> float:
        unread = record.answers.get(role, "") is None
        return self.unreadable if self.unreadable is not None and unread else value


def _tokens(record: Record, role: str) -> int:
    return sum(len(e.reply.token_ids) for e in record.entries if e.role == role and isinstance(e.reply, Speech))


RULES: dict[str, RewardRule] = {
    rule.__name__: rule for rule in (logit, probability, log_probability, win, src, cgc, goodhart, correctness, nobody)
}


def get_rule(reward: str | RewardRule | None, protocol: Protocol) -> RewardRule:
    """A rule by name, or a rule; None: the default.

    Names are those of ``RULES`` and of the game's own rules, ``ranking:MODEL`` (``judges/ranking.py``), and yours as
    ``module:function``.
    """
    if reward is None:
        return default_reward(protocol)
    if callable(reward):
        return reward
    if not isinstance(reward, str):
        raise TypeError(f"reward={reward!r:.80}: give the name of a rule, or a function of records")
    known: dict[str, RewardRule] = RULES | dict(protocol.rules)
    if reward in known:
        return known[reward]
    module, colon, name = reward.partition(":")
    if module == "ranking" and name:
        ranking: RewardRule = import_module("oversight_envs.judges.ranking").RankingReward(reward)  # above the core
        return ranking
    try:
        rule = getattr(import_module(module), name) if colon else None
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"reward={reward!r}: {error}") from error
    if not callable(rule):
        raise ValueError(
            f"reward={reward!r}: choose one of {', '.join(known)}, or give a function of records, or module:function"
        )
    return rule  # type: ignore[no-any-return]


def rule_name(rule: RewardRule) -> str:
    """What the record calls a rule: its name among ``RULES``, its own ``name``, or module:function."""
    own = getattr(rule, "name", None)
    if isinstance(own, str):
        return own
    if isinstance(rule, partial):
        return f"{rule_name(rule.func)} of {rule.args!r} {rule.keywords!r}"
    name = getattr(rule, "__qualname__", type(rule).__qualname__)
    return name if RULES.get(name) is rule else f"{getattr(rule, '__module__', type(rule).__module__)}:{name}"


def judge_rewards(record: Record) -> dict[str, float]:
    """Role -> the mean, over all that it decided or scored, of the log-probability that it gave to the truth.

    At most 0, in nats. Empty where the truth is unknown.
    """
    question = record.question
    found: dict[str, list[float]] = defaultdict(list)
    if isinstance(question.truth, int):
        for decision in record.decisions:
            found[decision.role].append(decision.verdict.log_probs[question.truth])
    for scored in record.scores:
        if scored.author in record.correct:
            found[scored.role].append(log_score(scored.value, record.correct[scored.author]))
    return {role: sum(values) / len(values) for role, values in found.items()}


def log_score(value: float, right: bool) -> float:
    """The log-probability that a score, the log-odds that a solution is right, gives to the truth about it; in nats."""
    x = value if right else -value
    return -math.log1p(math.exp(-x)) if x > -30 else x


def reward_all(records: Sequence[Record], rule: RewardRule) -> list[dict[str, float]]:
    """Rewards of every role of every record: by ``rule``, and by log score for judges that it leaves out.

    Nothing for unfinished ones.

    Raises ValueError where the rule forgets a record or a role, names one that is not there, or gives what is no finite
    number.
    """
    finished = [record for record in records if record.outcome is not None]
    paid = list(rule(finished)) if finished else []
    if len(paid) != len(finished):
        raise ValueError(f"reward {rule_name(rule)} gave {len(paid)} rows for {len(finished)} records")
    rows = iter(paid)
    return [_checked(record, next(rows), rule) if record.outcome is not None else {} for record in records]


def _checked(record: Record, row: Any, rule: RewardRule) -> dict[str, float]:
    where = f"reward {rule_name(rule)} on question {record.question.id!r}"
    judges = judge_rewards(record)
    players = [name for name, role in record.roles.items() if not role.judges]
    for role in row:
        if role not in record.roles:
            raise ValueError(f"{where} pays {role!r}, and the roles are {', '.join(record.roles)}")
    if forgotten := [role for role in players if role not in row and rule is not nobody]:
        raise ValueError(f"{where} forgets {', '.join(forgotten)}: give every role that is no judge a number")
    rewards = {**row, **judges, **row}  # what the rule pays comes first, and stands
    for role, value in rewards.items():
        try:
            rewards[role] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"{where}: the reward of {role} is {value!r:.80}") from None
        if not math.isfinite(rewards[role]):
            raise ValueError(f"{where}: the reward of {role} is {value}")
    return rewards


def finish(episode: Episode, task: Task, rule: RewardRule, *, group: str | None = None, **about: Any) -> Record:
    """The record of an episode that is over, with its rewards: the one way from an episode to a record that counts.

    With ``group``, rewards compare this record with others and are given later, for the batch (``reward_records``).
    """
    if not episode.done:
        raise ValueError("the episode is not over: it still asks " + ", ".join(ask.role for ask in episode.asks))
    record = make_record(episode, task, rule=rule_name(rule), group=group, **about)
    if group is None:
        # filled in before anyone has seen the record: a copy of all its fields would be most of the work
        object.__setattr__(record, "rewards", reward_all([record], rule)[0])
    return record


def reward_records(records: Iterable[Record], rule: RewardRule) -> list[Record]:
    """The records with their rewards by ``rule``, as one batch."""
    records = list(records)
    return [replace(r, rewards=earned) for r, earned in zip(records, reward_all(records, rule), strict=True)]
