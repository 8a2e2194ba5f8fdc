"""Recursive debate: a claim is split into claims until one is so small that it can be checked by itself.

After Brown-Cohen, Irving and Piliouras, *Scalable AI safety via doubly-efficient debate* (arXiv 2311.14125), and the
debates of Irving et al. (arXiv 1805.00899): the prover says what a sum comes to, and what its parts come to; the
opponent points at the part that it disputes; so on, down to a list of bare numbers, and that alone is judged. The
judge's work does not grow with the sum, and who is honest can win at every depth. What a claim splits into is read
from the problem (task ``nested_sums``), so a split that doesn't add up ends the game, and no debate is endless.
Prover-estimator debate (arXiv 2506.13609), in which probabilities stand in for pointing, is not part of this.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.prompt import Message
from oversight_envs.core.protocol import Game, Outcome, Truncated
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Assignment, Request, Role, Say, Score
from oversight_envs.core.rewards import RewardRule, needs_truth
from oversight_envs.core.speech import Conversation, SpeakingRules
from oversight_envs.protocols.worded import Worded
from oversight_envs.tasks.final_answers import final_answer
from oversight_envs.tasks.nested_sums import Nested, nested

PROVER, OPPONENT, JUDGE = "prover_0", "opponent_0", "judge_0"
_NUMBERS = re.compile(r"-?[0-9]{1,18}(?:\s*\+\s*-?[0-9]{1,18})*")


def judged(records: Sequence[Record]) -> list[dict[str, float]]:
    """The judge's log-odds that the last claim is right, for the prover; the same with the other sign for its
    opponent."""
    if any(not record.scores for record in records):
        raise ValueError("this reward needs a judge: pass judge=True, or reward='checked'")
    return [{PROVER: record.scores[-1].value, OPPONENT: -record.scores[-1].value} for record in records]


def checked(records: Sequence[Record]) -> list[dict[str, float]]:
    """1 for the prover if the last claim is right by the task's own check, else -1; the other sign for its opponent."""
    for record in records:
        needs_truth(record, PROVER)
    return [{PROVER: (won := 2.0 * record.correct[PROVER] - 1.0), OPPONENT: -won} for record in records]


@dataclass(frozen=True, kw_only=True)
class RecursiveDebate(Worded):
    """One prover, one opponent, one judge who reads the last claim only. The seed draws which side is to be honest."""

    judge: bool = True
    """Whether a judge decides about the last claim. Without one the task's check does."""
    max_words: int = 100

    name: ClassVar = "recursive_debate"
    judge_reads: ClassVar = "the last claim alone: a list of bare numbers and its sum"
    source: ClassVar = "Brown-Cohen 2023 (2311.14125)"
    zero_sum: ClassVar = True
    rules: ClassVar[Mapping[str, RewardRule]] = {rule.__name__: rule for rule in (judged, checked)}

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("judge", self.judge, (True, False))
        at_least("max_words", self.max_words, 1)

    @property
    def reward(self) -> RewardRule:  # type: ignore[override]
        return judged if self.judge else checked

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        players = {role: Role(role.removesuffix("_0"), ("say",), expert=True) for role in (PROVER, OPPONENT)}
        return players | ({JUDGE: Role("judge", ("score",))} if self.judge else {})

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
        return Assignment(honest={PROVER: honest, OPPONENT: not honest})

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        part: Nested = nested(question.text)
        table = _Table(self, question, assigned.honest)
        (value,) = yield from table.ask(PROVER, 1, self._text("claim"))
        while isinstance(part, list) and any(isinstance(inner, list) for inner in part):
            parts = "\n".join(f"{n}: {inner}" for n, inner in enumerate(part, start=1))
            values = yield from table.ask(PROVER, len(part), self._text("split", part=part, value=value, parts=parts))
            if sum(values) != value:
                raise Truncated(f"{PROVER} split {value} into {' + '.join(map(str, values))}, which is {sum(values)}")
            claims = "\n".join(f"{n}: {inner} = {v}" for n, (inner, v) in enumerate(zip(part, values, strict=True), 1))
            (chosen,) = yield from table.ask(OPPONENT, 1, self._text("point", claims=claims))
            if not 1 <= chosen <= len(part):
                raise Truncated(f"{OPPONENT} pointed at part {chosen} of {len(part)}")
            part, value = part[chosen - 1], values[chosen - 1]
        leaf = f"{part} = {value}"
        if self.judge:
            case = Message("user", self._text("judge_case", claim=leaf))
            prompt = Message("system", self._text("judge_system")), case
            yield Score(JUDGE, prompt, self._text("judge_problem"), f"Answer: {leaf}", author=PROVER)
        return Outcome(answers={PROVER: leaf})


class _Table:
    """The chats of both, who hear all that is said."""

    def __init__(self, game: RecursiveDebate, question: Question, honest: Mapping[str, bool]) -> None:
        self._cue = ""
        self._rules = SpeakingRules(game.max_words)
        self._chats = {}
        for role, told in honest.items():
            kind, manner = role.removesuffix("_0"), "honest" if told else "dishonest"
            parts = game._text("problem", problem=question.text), game._text(manner)
            opening = Message("system", game._text(kind)), Message("user", "\n\n".join(parts))
            self._chats[role] = Conversation(opening, role, lambda _: game._text("heading"), lambda _: self._cue)

    def ask(self, role: str, count: int, cue: str) -> Generator[Request, Any, list[int]]:
        """Asks for ``count`` numbers with plus signs between them; ends the game where other things are said."""
        self._cue = cue
        said = yield Say({role: self._chats[role].prompt}, self._rules)
        for chat in self._chats.values():
            chat.hear(said.values())
        answer = final_answer(said[role].text) or ""
        numbers = [int(number) for number in answer.split("+")] if _NUMBERS.fullmatch(answer) else []
        if len(numbers) != count:
            raise Truncated(f"{role} was asked for {count} numbers, and answered {answer!r:.80}")
        return numbers
