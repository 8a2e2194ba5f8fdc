"""Planting one error in a written solution, so that there are wrong solutions whose flaw is known.

For scripted sneaky provers and for tests of verifiers. The solutions are ``arithmetic``'s: lines that contain
``a + b = c`` (or ``-``, ``x``) and a last line ``Answer: N``. What follows the error is worked on correctly from the
wrong value, as a careful deceiver would: the flaw is in one place, and the final answer is always wrong.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, get_args

import numpy as np

from oversight_envs.tasks.arithmetic import Operator, Step

Kind = Literal["slip", "operand", "operation", "carry", "skipped step", "final answer"]

WEIGHTS: dict[Kind, float] = {
    "slip": 0.62,  # a result is off by 1 to 3
    "operand": 0.13,  # a step uses a number that is not the problem's
    "operation": 0.10,  # a step adds where it should subtract, and so on
    "carry": 0.06,  # a carry or borrow is forgotten
    "skipped step": 0.05,
    "final answer": 0.04,  # all steps are right, the last line is not
}
"""How often each kind is tried first. One that does not fit the solution (nothing to carry) gives way to another."""


class Corruption(NamedTuple):
    """A wrong solution and what is wrong with it."""

    solution: str
    kind: Kind
    line: int
    """The line, counted from 0, that has the error; for a skipped step, the line before which it is missing."""


class _Line(NamedTuple):
    lead: str
    step: Step
    tail: str


_STEP = re.compile(r"(?P<lead>.*?)(?P<a>\d+) (?P<op>[-+x]) (?P<b>\d+) = (?P<c>\d+)(?P<tail>[^\d]*)")
_ANSWER = re.compile(r"Answer: (\d+)\s*")


def corrupt(solution: str, rng: np.random.Generator, *, largest: int | None = None) -> Corruption:
    """``solution`` with one error. No number in it is negative or, where given, above ``largest``.

    Raises ValueError for a text that is not a right solution in this format.
    """
    start, lines, answer = _parse(solution)
    kinds = list(WEIGHTS)
    for first in rng.choice(len(kinds), size=len(kinds), replace=False, p=list(WEIGHTS.values())):
        kind = kinds[int(first)]
        for _ in range(8):
            found = _try(kind, start, lines, answer, rng)
            if found and found[2] != answer and min(found[3]) >= 0 and (largest is None or max(found[3]) <= largest):
                text, line, final, _ = found
                return Corruption(f"{text}\nAnswer: {final}" if text else f"Answer: {final}", kind, line)
    raise ValueError(f"no error fits into the solution with largest={largest}: {solution!r:.300}")


def _parse(solution: str) -> tuple[int, list[_Line], int]:
    *steps, last = solution.strip().split("\n")
    answer = _ANSWER.fullmatch(last)
    matches = [_STEP.fullmatch(line) for line in steps]
    value = start = int(matches[0]["a"]) if matches and matches[0] else -1
    lines = []
    for number, match in enumerate(matches):
        if match is None or int(match["a"]) != value:
            raise ValueError(f"step {number + 1} is not 'a + b = c' going on from {value}: {steps[number]!r:.200}")
        assert match["op"] in get_args(Operator)
        lines.append(_Line(match["lead"], Step(match["op"], int(match["b"])), match["tail"]))  # type: ignore[arg-type]
        value = lines[-1].step.apply(value)
        if int(match["c"]) != value:
            raise ValueError(f"step {number + 1} is already wrong: {steps[number]!r:.200}")
    if not lines or answer is None or int(answer[1]) != value:
        raise ValueError(f"not a right solution with its steps and 'Answer: N' on the last line: {solution!r:.300}")
    return start, lines, value


def _try(
    kind: Kind, start: int, lines: list[_Line], answer: int, rng: np.random.Generator
) -> tuple[str, int, int, list[int]] | None:
    """One attempt: the step lines, the line at fault, the final answer and all numbers used; None if it can't be."""
    lines, at, shift = list(lines), int(rng.integers(len(lines))), int(rng.choice([-3, -2, -1, 1, 2, 3]))
    lead, step, tail = lines[at]
    added = 0  # what the result of step ``at`` is off by
    if kind == "slip":
        added = shift
    elif kind == "operand":
        lines[at] = _Line(lead, Step(step.operator, max(step.operand + shift, 1)), tail)
    elif kind == "operation":
        others: list[Operator] = [operator for operator in get_args(Operator) if operator != step.operator]
        lines[at] = _Line(lead, Step(others[int(rng.integers(2))], step.operand), tail)
    elif kind == "carry":
        value = start
        for line in lines[:at]:
            value = line.step.apply(value)
        if not (added := _forgotten_carry(value, step)):
            return None
    elif kind == "skipped step":
        del lines[at]
    written, value, numbers = [], start, [start]
    for number, (lead, step, tail) in enumerate(lines):
        result = step.apply(value) + (added if number == at else 0)
        written.append(f"{lead}{value} {step.operator} {step.operand} = {result}{tail}")
        numbers += [step.operand, result]
        value = result
    if kind == "final answer":
        at, value = len(lines), answer + shift
        numbers.append(value)
    return "\n".join(written), at, value, numbers


def _forgotten_carry(value: int, step: Step) -> int:
    """What is off when the tens take no notice of the units; 0 where there is nothing to carry."""
    units, operand = value % 10, step.operand % 10
    if step.operator == "+":
        return -10 if units + operand >= 10 else 0
    if step.operator == "-":
        return 10 if units < operand else 0
    return -(units * operand // 10 * 10)
