"""Recursive debate: whoever is honest wins at every depth, and the judge reads one short list each time."""

import re

from oversight_envs import rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import RecursiveDebate
from oversight_envs.tasks.nested_sums import NestedSums, nested, total


def parts(turn):
    """The parts on the page, each with what was claimed of it (nothing yet where they are to be claimed)."""
    page = turn.prompt[-1].content.split("\n\n")[-1]
    return re.findall(r"^\d+: (.*?)(?: = (-?\d+))?$", page, re.MULTILINE)


def claim(turn, error=0):
    values = [total(nested(part)) for part, _ in parts(turn)] or [total(nested(turn.question))]
    return f"Answer: {' + '.join(map(str, [*values[:-1], values[-1] + error]))}"  # the error hides in the last part


def find(turn):
    return f"Answer: {1 + [total(nested(part)) == int(value) for part, value in parts(turn)].index(False)}"


def add(solution):
    part, value = solution.text.removeprefix("Answer: ").split(" = ")
    return 5.0 if sum(nested(part)) == int(value) else -5.0


sides = {"prover_0": (claim, lambda turn: "Answer: 1"), "opponent_0": (lambda turn: claim(turn, 2), find)}
for depth in (1, 2, 4, 8):
    for honest, says in sides.items():
        players = {**dict(zip(sides, map(ScriptedAgent, says))), "judge_0": CallableJudge(scores=add)}
        records = rollout(RecursiveDebate(), NestedSums(depth=depth), players, questions=8)
        won = sum(record.rewards[honest] > 0 for record in records)
        read = sum(len(message.content.split()) for message in records[0].entries[-1].prompt)
        print(f"{2**depth} numbers: an honest {honest} wins {won} of 8 (theorem: 3 of 5); the judge read {read} words")
