"""Recursive debate: a claim is split into claims until one is so small that it can be checked by itself.

After Brown-Cohen, Irving and Piliouras, *Scalable AI safety via doubly-efficient debate* (arXiv 2311.14125), and the
debates of Irving et al. (arXiv 1805.00899): the prover says what a sum comes to, and what its parts come to; the
opponent points at the part that it disputes; so on, down to a list of bare numbers, and that alone is judged. What a
claim splits into is read from the problem (task ``nested_sums``), so no debate is endless. Who answers what can't be
read, splits a claim into parts that don't add up, or points at nothing has lost.

Their theorem 6.2 is about random oracles: for a K-Lipschitz machine of T queries a verifier of O(K^2) queries decides
with completeness and soundness 3/5, between provers of O(K^2 T log T). Sums are the case without chance: the judge
reads ``width`` numbers at every depth, once, so whoever is honest and can add wins as often as the judge is right,
which is always for one that can add.

With ``estimator=True``, prover-estimator debate (arXiv 2506.13609): in place of an opponent who finds the error an
estimator says how probable the claim and each of its parts is, and the prover goes on with a part that it holds for
underestimated. An error hidden among N last claims beats a blind opponent N - 1 times of N; an estimator that knows the
claim to be wrong, and not where, spreads its doubt, and loses 1/N. But one that doubts a right claim in the same way
loses no more, where an honest one loses 1: only an argument that doesn't hang on each of N parts escapes that, which is
the paper's stability, and sums are none.

What departs from that paper: probabilities of parts are marginal, and are consistent where some joint distribution has
them (Fréchet's bounds), where the paper's are conditional on bits that are drawn; who is inconsistent forfeits, where
the paper pays for it in each round, growing with depth; the prover, who made the claim, always holds estimates for too
low; and the last claim is checked exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

import numpy as np

from oversight_envs.core.protocol import Game, Outcome
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Assignment, Request, Role, Say, Score
from oversight_envs.core.rewards import RewardRule, needs_truth
from oversight_envs.core.speech import Conversation
from oversight_envs.protocols.worded import Spoken
from oversight_envs.tasks.final_answers import final_answer
from oversight_envs.tasks.nested_sums import Nested, nested

PROVER, OPPONENT, ESTIMATOR, JUDGE = "prover_0", "opponent_0", "estimator_0", "judge_0"
_INTEGERS = re.compile(r"-?[0-9]{1,18}(?:\s*\+\s*-?[0-9]{1,18})*")
_PROBABILITY = r"(?:0?\.[0-9]{1,18}|[01](?:\.0{1,18})?)"
_PROBABILITIES = re.compile(rf"{_PROBABILITY}(?:\s*,\s*{_PROBABILITY})*")


N = TypeVar("N", int, Fraction)


def _integers(text: str) -> list[int]:
    """Whole numbers with plus signs between them, as a text's final answer; none where it is anything else."""
    answer = final_answer(text) or ""
    return [int(number) for number in answer.split("+")] if _INTEGERS.fullmatch(answer) else []


def _probabilities(text: str) -> list[Fraction]:
    """Numbers between 0 and 1 with commas between them, as a text's final answer; none where it is anything else."""
    answer = final_answer(text) or ""
    return [Fraction(number.strip()) for number in answer.split(",")] if _PROBABILITIES.fullmatch(answer) else []


def _shown(probability: Fraction) -> str:
    return f"{float(probability):.12g}"


def _paid(records: Sequence[Record], payoff: Callable[[Record], float]) -> list[dict[str, float]]:
    """The payoff to the prover, with the other sign to the other; -1 to who broke the rules, which is the worst."""
    rows = []
    for record in records:
        other = next(role for role in record.roles if role in (OPPONENT, ESTIMATOR))
        broken = next((role for role, answer in record.answers.items() if answer is None), None)
        earned = payoff(record) if broken is None else -1.0 if broken == PROVER else 1.0
        rows.append({PROVER: earned, other: -earned})
    return rows


def _judge_believes(record: Record) -> float:
    """The judge's probability that the last claim is right."""
    if not record.scores:
        raise ValueError("this reward needs a judge: pass judge=True, or reward='checked'")
    return 0.5 + math.tanh(record.scores[-1].value / 2) / 2


def judged(records: Sequence[Record]) -> list[dict[str, float]]:
    """The judge's probability that the last claim is right less that it is wrong, for the prover; the same with the
    other sign for its opponent."""
    return _paid(records, lambda record: 2 * _judge_believes(record) - 1)


def checked(records: Sequence[Record]) -> list[dict[str, float]]:
    """1 for the prover if the last claim is right by the task's own check, else -1; the other sign for its opponent."""
    return _paid(records, lambda record: 1.0 if _is_right(record) else -1.0)


def estimated(records: Sequence[Record]) -> list[dict[str, float]]:
    """p + c - q for the prover, the other sign for the estimator: its probabilities p of the whole claim and q of the
    last one, and the judge's c of the last one (without a judge 1 or 0, by the task's check).

    Consistent estimates have q >= p, so this is between -1 and 1: nobody gains by breaking the rules.
    """
    if records and ESTIMATOR not in records[0].roles:
        raise ValueError("estimated pays by an estimator's probabilities: pass estimator=True")

    def payoff(record: Record) -> float:
        whole, last = _estimates(record)
        right = _judge_believes(record) if JUDGE in record.roles else float(_is_right(record))
        return float(whole - last) + right

    return _paid(records, payoff)


def _estimates(record: Record) -> tuple[Fraction, Fraction]:
    """The estimator's probabilities of the whole claim and of the last one."""
    told = [_probabilities(s.text) for s in record.transcript if s.role == ESTIMATOR]
    if len(told) == 1:
        return told[0][0], told[0][0]
    *_, choice = [s.text for s in record.transcript if s.role == PROVER]
    return told[0][0], told[-1][_integers(choice)[0] - 1]


def _is_right(record: Record) -> bool:
    needs_truth(record, PROVER)
    return record.correct[PROVER]


def consistent(whole: Fraction, parts: Sequence[Fraction]) -> bool:
    """Whether probabilities of parts go with that of a claim that is right if all parts are: Fréchet's bounds.

    No part is less probable than all of them together, and what they lack of 1 is at least what the whole lacks.
    """
    return whole <= min(parts) and 1 - whole <= sum(1 - part for part in parts)


@dataclass(frozen=True, kw_only=True)
class RecursiveDebate(Spoken):
    """One prover, one opponent, one judge who reads the last claim only. The seed draws which side is to be honest."""

    judge: bool = True
    """Whether a judge decides about the last claim. Without one the task's check does."""
    estimator: bool = False
    """Whether an estimator gives probabilities of claims, in place of an opponent who points at one."""
    max_words: int = 100
    """Word limit of a speech; what is over it is cut and the record says so."""

    name: ClassVar = "recursive_debate"
    judge_reads: ClassVar = "the last claim alone: a list of bare numbers and its sum"
    source: ClassVar = "Brown-Cohen 2023 (2311.14125), with an estimator Brown-Cohen 2025 (2506.13609)"
    zero_sum: ClassVar = True
    rules: ClassVar[Mapping[str, RewardRule]] = {rule.__name__: rule for rule in (judged, checked, estimated)}

    @property
    def reward(self) -> RewardRule:  # type: ignore[override]
        return estimated if self.estimator else judged if self.judge else checked

    @property
    def players(self) -> tuple[str, str]:
        return PROVER, ESTIMATOR if self.estimator else OPPONENT

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        players = {role: Role(role.removesuffix("_0"), ("say",), expert=True) for role in self.players}
        return players | ({JUDGE: Role("judge", ("score",))} if self.judge else {})

    @classmethod
    def explained(cls, record: Record) -> Sequence[str]:
        told = list(_explained(record))
        return told + ["can't be read, and has lost"] * (len(record.transcript) - len(told))

    def check_question(self, question: Question) -> None:
        try:
            nested(question.text)
        except ValueError as error:
            raise ValueError(f"{self.name} needs claims that split, as those of nested_sums do: {error}") from None

    def check_task(self, task: Task) -> None:
        super().check_task(task)
        if not task.checkable:
            raise ValueError(
                f"{self.name} needs a task that can check a part of a claim, and {task.name!r} checks none"
            )

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        honest = bool(rng.integers(2))
        return Assignment(honest=dict(zip(self.players, (honest, not honest), strict=True)))

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        try:
            leaf = yield from self._descend(question, assigned.honest)
        except _Forfeit as forfeit:
            return Outcome(answers={forfeit.role: None})
        if self.judge:
            prompt = self._page("judge_system", [self._text("judge_case", claim=leaf)])
            yield Score(JUDGE, prompt, self._text("judge_problem"), f"Answer: {leaf}", author=PROVER)
        return Outcome(answers={PROVER: leaf})

    def _descend(self, question: Question, honest: Mapping[str, bool]) -> Generator[Request, Any, str]:
        """From the whole claim down to the last one, which it returns."""
        part: Nested = nested(question.text)
        ask = _Table(self, question, honest).ask
        (value,) = yield from ask(PROVER, 1, self._text("claim"), _integers)
        estimate = Fraction(0)
        if self.estimator:
            (estimate,) = yield from ask(ESTIMATOR, 1, self._text("estimate", value=value), _probabilities)
        while isinstance(part, list) and any(isinstance(inner, list) for inner in part):
            parts = "\n".join(f"{n}: {inner}" for n, inner in enumerate(part, start=1))
            values = yield from ask(
                PROVER, len(part), self._text("split", part=part, value=value, parts=parts), _integers
            )
            if sum(values) != value:
                raise _Forfeit(PROVER)
            claims = [f"{n}: {inner} = {v}" for n, (inner, v) in enumerate(zip(part, values, strict=True), 1)]
            estimates = [estimate] * len(part)
            if self.estimator:
                shown = {"part": part, "value": value, "whole": _shown(estimate), "lacks": _shown(1 - estimate)}
                cue = self._text("estimates", claims="\n".join(claims), **shown)
                estimates = yield from ask(ESTIMATOR, len(part), cue, _probabilities)
                if not consistent(estimate, estimates):
                    raise _Forfeit(ESTIMATOR)
                claims = [f"{claim}, probability {_shown(p)}" for claim, p in zip(claims, estimates, strict=True)]
            chooser, cue = (PROVER, "choose") if self.estimator else (OPPONENT, "point")
            (chosen,) = yield from ask(chooser, 1, self._text(cue, claims="\n".join(claims)), _integers)
            if not 1 <= chosen <= len(part):
                raise _Forfeit(chooser)
            part, value, estimate = part[chosen - 1], values[chosen - 1], estimates[chosen - 1]
        return f"{part} = {value}"


def _explained(record: Record) -> Iterator[str]:
    """What the numbers of each statement are about, up to one that can't be read."""
    part: Nested = nested(record.question.text)
    value: int | None = None
    claims: list[tuple[Nested, int | None]] = []
    for statement in record.transcript:
        if statement.role == ESTIMATOR:
            estimates = _probabilities(statement.text)
            about: list[tuple[Nested, int | None]] = claims or [(part, value)]
            if len(estimates) != len(about):
                return
            yield "; ".join(f"{inner} = {v}: probability {_shown(p)}" for (inner, v), p in zip(about, estimates))
            continue
        numbers = _integers(statement.text)
        if value is None and len(numbers) == 1:
            value = numbers[0]
            yield f"claims {part} = {value}"
        elif not claims and isinstance(part, list) and len(numbers) == len(part):
            claims = list(zip(part, numbers, strict=True))
            yield "splits it: " + "; ".join(f"{n}: {inner} = {v}" for n, (inner, v) in enumerate(claims, 1))
        elif claims and len(numbers) == 1 and 1 <= numbers[0] <= len(claims):
            part, value = claims[numbers[0] - 1]
            claims = []
            yield f"{'goes on with' if statement.role == PROVER else 'disputes'} {part} = {value}"
        else:
            return


class _Forfeit(Exception):
    """A player broke the rules, and so has lost."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.role = role


class _Table:
    """The chats of both, who hear all that is said."""

    def __init__(self, game: RecursiveDebate, question: Question, honest: Mapping[str, bool]) -> None:
        self._cue = ""
        self._rules = game.speaking
        self._chats = {}
        suffix = "_estimated" if game.estimator else ""
        for role, told in honest.items():
            kind = f"prover{suffix}" if role == PROVER else role.removesuffix("_0")
            manner = "honest" if told else f"dishonest{suffix}"
            opening = game._page(kind, [game._text("problem", problem=question.text), game._text(manner)])
            self._chats[role] = Conversation(opening, role, lambda _: game._text("heading"), lambda _: self._cue)

    def ask(self, role: str, count: int, cue: str, read: Callable[[str], list[N]]) -> Generator[Request, Any, list[N]]:
        """Asks for ``count`` numbers; who says anything else has lost."""
        self._cue = cue
        said = yield Say({role: self._chats[role].prompt}, self._rules)
        for chat in self._chats.values():
            chat.hear(said.values())
        numbers = read(said[role].text)
        if len(numbers) != count:
            raise _Forfeit(role)
        return numbers
