"""Checks a written solution of an arithmetic chain line by line, exactly: which lines are wrong, and what each takes.

A line is right if it begins with the value that was carried on, applies the problem's next operations, and has the
result that these give. What was carried on is what the line before says, right or wrong: an error counts once, where
it is made. The answer counts as a line too, which does in the head whatever sums were not written.
"""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

from oversight_envs.core.question import Question
from oversight_envs.tasks.arithmetic import Operator, Step, run
from oversight_envs.tasks.final_answers import final_answer, parse_number

_PROBLEM = re.compile(r"Work from left to right: (\d+)((?: [-+x] \d+)+)")
_LINE = re.compile(r"\s*(\d{1,9})((?: [-+x] \d{1,9})+) = (\d{1,99})\s*;?\s*")
_ANSWER = "Answer:"


class CheckedLine(NamedTuple):
    """What checking a line takes, and what comes of it."""

    sums: int
    """Operations to be worked out. A line with several has written nothing in between that could be compared, so each
    is a sum; what can't be read as a line is found wrong by one look, which counts as one; an answer after all sums
    were written is only compared with the last result: 0."""
    wrong: bool


def check_chain(question: Question, solution: str) -> tuple[CheckedLine, ...]:
    """The lines of ``solution`` in order, its answer last. If none is wrong, the final answer is right.

    Where sums are missing, the reading with the fewest wrong lines counts: a line that leaves out a step is wrong, and
    those after it are not.

    Raises ValueError for a question that is no chain (``Arithmetic(style="chain")``).
    """
    start, steps = _read_problem(question)
    lines = [line for line in solution.split("\n") if line.strip() and not line.strip().startswith(_ANSWER)]
    matches = [_LINE.fullmatch(line) for line in lines]
    operations = [_steps(match[2]) if match else () for match in matches]
    missing = max(len(steps) - sum(map(len, operations)), 0)
    value, readings = start, {0: tuple[bool, ...]()}  # steps used -> which lines were wrong, at best
    for match, own in zip(matches, operations, strict=True):
        can_be_right = match is not None and int(match[1]) == value and run(value, own)[-1] == int(match[3])
        further: dict[int, tuple[bool, ...]] = {}
        for used, wrong in readings.items():
            for skipped in range(missing + 1 if own else 1):
                right = can_be_right and not skipped and steps[used : used + len(own)] == own
                reached, found = used + skipped + len(own), (*wrong, not right)
                if reached not in further or sum(found) < sum(further[reached]):
                    further[reached] = found
        value, readings = int(match[3]) if match else value, further
    answer = final_answer(solution)
    number = None if answer is None else parse_number(answer)
    ends = {used: (*wrong, run(value, steps[used:])[-1] != number) for used, wrong in readings.items()}
    used = min(ends, key=lambda place: sum(ends[place]))
    sums = [*(len(own) or 1 for own in operations), len(steps[used:])]
    return tuple(map(CheckedLine, sums, ends[used]))


def _read_problem(question: Question) -> tuple[int, tuple[Step, ...]]:
    match = _PROBLEM.fullmatch(question.text)
    if match is None:
        raise ValueError(
            f"question {question.id!r} is no chain of sums: {question.text!r:.80}; give Arithmetic(style='chain')"
        )
    return int(match[1]), _steps(match[2])


def _steps(text: str) -> tuple[Step, ...]:
    words = text.split()
    found = []
    for operator, operand in zip(words[::2], words[1::2], strict=True):
        assert operator in get_args(Operator)
        found.append(Step(operator, int(operand)))  # type: ignore[arg-type]
    return tuple(found)
