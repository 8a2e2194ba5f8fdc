"""The prover-verifier game: a helpful and a sneaky prover solve a problem, a small verifier marks what they wrote.

After Kirchner et al., *Prover-verifier games improve legibility of LLM outputs* (arXiv 2407.13692): one model plays
both provers; the helpful one is to be right and easy to check, the sneaky one wrong and convincing. The sneaky prover
gets the same prompt with an added instruction, as in the paper's appendix; the wording is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from oversight_envs.core.answers import final_answer
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Duty, Game, Outcome, Say, Score, at_least, one_of
from oversight_envs.core.question import Question, Task
from oversight_envs.core.speech import Transcript
from oversight_envs.protocols.argued import Worded

PROVERS = ("helpful_0", "sneaky_0")


@dataclass(frozen=True, kw_only=True)
class ProverVerifier(Worded):
    """Provers solve one problem at once; the verifier scores each solution for itself and never learns who wrote it."""

    roles: Literal["both", "helpful", "sneaky"] = "both"
    """Which provers play."""
    max_words: int = 200

    name: ClassVar[str] = "prover_verifier"
    reward: ClassVar[str] = "src"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("roles", self.roles, ("both", "helpful", "sneaky"))
        at_least("max_words", self.max_words, 1)

    @property
    def simultaneous(self) -> bool:  # type: ignore[override]
        return True

    @property
    def provers(self) -> tuple[str, ...]:
        return {"both": PROVERS, "helpful": PROVERS[:1], "sneaky": PROVERS[1:]}[self.roles]

    @property
    def duties(self) -> Mapping[str, frozenset[Duty]]:
        provers: dict[str, frozenset[Duty]] = {role: frozenset({"say"}) for role in self.provers}
        return provers | {"verifier_0": frozenset({"score"})}

    @property
    def experts(self) -> frozenset[str]:
        return frozenset(self.provers)

    def check_task(self, task: Task) -> None:
        super().check_task(task)
        if not task.checkable:
            raise ValueError(
                f"the prover-verifier game needs a task whose answers can be marked, and {task.name!r} has no checker: "
                "use arithmetic or gsm8k, or override Task.check and set checkable=True"
            )

    def play(self, question: Question, rng: np.random.Generator) -> Game:
        said = yield Say({role: self._problem(role, question) for role in self.provers})
        transcript = Transcript("", max_words=self.max_words, scratchpad=False, quotes=False)
        transcript.add(said)
        scores, answers = {}, {}
        for statement in transcript:
            answers[statement.role] = final_answer(statement.public)
            scores[statement.role] = yield self._marking(question, statement.public, statement.shown())
        return Outcome(transcript=tuple(transcript), scores=scores, answers=answers)

    def _problem(self, role: str, question: Question) -> Prompt:
        mode = "sneaky" if role in PROVERS[1:] else "helpful"
        parts = [self._text("text", passage=question.passage)] if question.passage else []
        parts += [self._text("problem", problem=question.text), self._text(mode)]
        parts += [self._text("limit", max_words=self.max_words)]
        return Message("system", self._text("system")), Message("user", "\n\n".join(parts))

    def _marking(self, question: Question, solution: str, shown: str) -> Score:
        problem = question.censored().text
        text = self._text("verifier_case", problem=problem, solution=shown)
        prompt = Message("system", self._text("verifier_system")), Message("user", text)
        return Score("verifier_0", prompt, problem, solution)
