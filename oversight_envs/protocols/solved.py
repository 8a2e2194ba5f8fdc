"""What games about an answer that a player finds by itself have in common: the problem, how long, what was answered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oversight_envs.core.prompt import Prompt
from oversight_envs.core.protocol import Outcome
from oversight_envs.core.question import Question, Task
from oversight_envs.core.requests import Score
from oversight_envs.core.speech import Statement
from oversight_envs.protocols.worded import Spoken, inline
from oversight_envs.tasks.final_answers import final_answer, named_option

JUDGE = "judge_0"


@dataclass(frozen=True, kw_only=True)
class Solved(Spoken):
    """A game about an answer to an open problem, which the task's checker marks, or to a question with options."""

    max_words: int = 200
    """Word limit of a speech; what is over it is cut and the record says so."""

    def check_task(self, task: Task) -> None:
        super().check_task(task)
        if not task[0].options and not task.checkable:
            raise ValueError(
                f"{self.name} needs a task whose answers can be marked, and {task.name!r} has neither options nor a "
                "checker: use arithmetic or passages, or override Task.check and set checkable=True"
            )

    @abstractmethod
    def _heading(self, statement: Statement) -> str:
        """What stands above a statement on others' pages."""

    def _opening(self, question: Question, kind: str) -> Prompt:
        """The first messages of a player of this kind."""
        parts = [self._problem(question), self._text(kind), self._text("limit", max_words=self.max_words)]
        return self._page("system", [*self._passage(question), *parts])

    def _problem(self, question: Question) -> str:
        answers = "\n".join(f"- {inline(option)}" for option in question.options)
        problem = self._text("problem", problem=inline(question.text))
        return f"{problem}\n\n{self._text('answers', answers=answers)}" if answers else problem

    def _mark(self, question: Question, solution: Statement, shown: Sequence[Statement]) -> Score:
        """Asks the judge, who reads the problem and what is ``shown``, for a mark of the solution."""
        said = [f"{self._heading(statement)}\n{statement.shown()}" for statement in shown]
        prompt = self._page("judge_system", [self._problem(question.censored()), *said, self._text("judge_cue")])
        return Score(JUDGE, prompt, question.text, solution.text, author=solution.role)


def verdict_in(text: str) -> str:
    """What a critic says of a solution in the end, as its final answer: ``right``, ``wrong``, or anything else."""
    return (final_answer(text) or "").strip(" .").lower()


def answered(question: Question, solutions: Mapping[str, Statement]) -> Outcome:
    """Role -> the final answer of what it said: of a question with options one of them, or none where none is named."""
    said = {role: final_answer(solution.text) for role, solution in solutions.items()}
    if not question.options:
        return Outcome(answers=said)
    named = {role: named_option(text or "", question.options) for role, text in said.items()}
    sides = {role: side for role, side in named.items() if side is not None}
    return Outcome({role: None if k is None else question.options[k] for role, k in named.items()}, sides)
