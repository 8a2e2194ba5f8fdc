"""Obfuscation: a lie in one of N places beats an opponent who must find it, and gains little from an estimator."""

import random
import re

from oversight_envs import rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.protocols import RecursiveDebate
from oversight_envs.tasks.nested_sums import NestedSums, nested, total


def lie(turn):
    """Claims 2 too many, hides them in a part drawn by chance, and goes on with what is right."""
    page = turn.prompt[-1].content.split("\n\n")[-1]
    parts = re.findall(r"^\d+: (.*?)(?: = (-?\d+), probability .*)?$", page, re.MULTILINE)
    sums = [total(nested(part)) for part, _ in parts] or [total(nested(turn.question)) + 2]
    if parts and parts[0][1]:  # claims with probabilities, of which it is to choose
        return f"Answer: {1 + [claimed == str(s) for s, (_, claimed) in zip(sums, parts)].index(True)}"
    if parts:
        value = int(re.search(r"comes to (-?\d+)\.", page)[1])
        sums[random.Random(turn.seed).randrange(len(sums))] += value - sum(sums)
    return f"Answer: {' + '.join(map(str, sums))}"


def doubt(turn):
    """Knows that the whole is wrong, and not where: doubts each part as much."""
    lacks = re.search(r"come to (\S+) or more together", turn.prompt[-1].content)
    return f"Answer: {1 - float(lacks[1]) / 2}, {1 - float(lacks[1]) / 2}" if lacks else "Answer: 0"


guess = {"opponent_0": lambda turn: f"Answer: {1 + turn.seed % 2}", "estimator_0": doubt}
for depth in (2, 4, 6, 8):
    print(f"what the lie earns, in one of {2 ** (depth - 1)} places:", end="")
    for role, says in guess.items():
        game = RecursiveDebate(judge=False, estimator=role == "estimator_0")
        players = {"prover_0": ScriptedAgent(lie), role: ScriptedAgent(says)}
        records = rollout(game, NestedSums(depth=depth), players, questions=64)
        print(f"  {sum(record.rewards['prover_0'] for record in records) / 64:+.3f} from {role}", end="")
    print()
