"""The prover-verifier game: a helpful and a sneaky prover solve a problem, a small verifier marks what they wrote.

After Kirchner et al., *Prover-verifier games improve legibility of LLM outputs* (arXiv 2407.13692): one model plays
both provers; the helpful one is to be right and easy to check, the sneaky one wrong and convincing. The sneaky prover
gets the same prompt with an added instruction, as in the paper's appendix; the wording is ours.

With a translator, Kim and Lee's decoupled game (*Mitigating legibility tax with decoupled prover-verifier games*, arXiv
2602.23248): a second model rewrites each solution so that it can be checked, answer kept, and the verifier reads that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from oversight_envs.core.prompt import Prompt
from oversight_envs.core.protocol import Game, Outcome
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Assignment, Role, Say, Score
from oversight_envs.core.rewards import RewardRule, correctness, log_score, src
from oversight_envs.protocols.worded import Spoken, inline
from oversight_envs.tasks.final_answers import final_answer

PROVERS = ("helpful_0", "sneaky_0")
TRANSLATOR = "translator_0"
UNFAITHFUL = -5.0
"""What a translation with another answer earns: less than the log score of any mark in words (log 0.01 = -4.6)."""


def translated(records: Sequence[Record]) -> list[dict[str, float]]:
    """Provers earn ``src``; the translator, for each solution, the log-probability that the verifier, who read the
    translation, gave to the truth about it (checkable), or -5 where the translation has another final answer."""
    rows = src(records)
    for row, record in zip(rows, records, strict=True):
        said = {statement.index: statement.text for statement in record.transcript}
        pay = []
        for scored in record.scores:  # each comes right after its translation
            kept = final_answer(said[scored.index - 1]) == record.answers[scored.author]
            pay.append(log_score(scored.value, record.correct[scored.author]) if kept else UNFAITHFUL)
        row[TRANSLATOR] = sum(pay) / len(pay)
    return rows


@dataclass(frozen=True, kw_only=True)
class ProverVerifier(Spoken):
    """Provers solve one problem at once; the verifier scores each solution for itself and never learns who wrote it:
    which is scored first is drawn from the seed."""

    provers: Literal["both", "helpful", "sneaky"] = "both"
    """Which provers play."""
    verifier: bool = True
    """Whether there is a verifier. Without one the provers play alone, and are paid for being right by default."""
    translator: bool = False
    """Whether another model rewrites each solution, knowing as little who wrote it as the verifier, who reads that."""
    max_words: int = 200
    """Word limit of a solution; what is over it is cut and the record says so."""

    name: ClassVar = "prover_verifier"
    judge_reads: ClassVar = "problem and one solution, not who wrote it"
    source: ClassVar = "Kirchner 2024 (2407.13692), Kim and Lee 2026 (2602.23248)"
    rules: ClassVar[Mapping[str, RewardRule]] = {"translated": translated}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.translator and not self.verifier:
            raise ValueError("translator=True writes for a verifier: pass verifier=True")

    @property
    def simultaneous(self) -> bool:  # type: ignore[override]
        return not self.translator

    @property
    def reward(self) -> RewardRule:  # type: ignore[override]
        return translated if self.translator else src if self.verifier else correctness

    @property
    def prover_roles(self) -> tuple[str, ...]:
        return {"both": PROVERS, "helpful": PROVERS[:1], "sneaky": PROVERS[1:]}[self.provers]

    @property
    def roles(self) -> Mapping[str, Role]:  # type: ignore[override]
        provers = {role: Role(role.removesuffix("_0"), ("say",), expert=True) for role in self.prover_roles}
        if self.translator:
            provers[TRANSLATOR] = Role("translator", ("say",), expert=True)
        return provers | ({"verifier_0": Role("verifier", ("score",))} if self.verifier else {})

    def check_task(self, task: Task) -> None:
        super().check_task(task)
        if not task.checkable:
            raise ValueError(
                f"the prover-verifier game needs a task whose answers can be marked, and {task.name!r} has no checker: "
                "use arithmetic or gsm8k, or override Task.check and set checkable=True"
            )

    def assign(self, question: Question, rng: np.random.Generator) -> Assignment:
        return Assignment(honest={role: role == PROVERS[0] for role in self.prover_roles})

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        said = yield Say(
            {role: self._problem(question, told) for role, told in assigned.honest.items()},
            self.speaking,
        )
        if self.verifier:
            for place in rng.permutation(len(said)):  # or a verifier could tell by its place who wrote a solution
                role = self.prover_roles[place]
                read = said[role]
                if self.translator:
                    rewritten = {TRANSLATOR: self._translating(question, read.shown())}
                    read = (yield Say(rewritten, self.speaking))[TRANSLATOR]
                prompt = self._marking(question, read.shown())
                yield Score("verifier_0", prompt, question.text, read.text, author=role)
        return Outcome(answers={role: final_answer(statement.text) for role, statement in said.items()})

    def _problem(self, question: Question, honest: bool) -> Prompt:
        parts = [self._text("problem", problem=question.text), self._text("helpful" if honest else "sneaky")]
        return self._page("system", [*self._passage(question), *parts, self._text("limit", max_words=self.max_words)])

    def _translating(self, question: Question, shown: str) -> Prompt:
        case = self._text("translator_case", problem=question.text, solution=shown)
        limit = self._text("limit", max_words=self.max_words)
        return self._page("translator_system", [*self._passage(question), case, limit])

    def _marking(self, question: Question, shown: str) -> Prompt:
        case = self._text("verifier_case", problem=inline(question.text), solution=shown)
        return self._page("verifier_system", [case])
