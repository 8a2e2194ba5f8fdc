"""What a verifier is trained on: balanced pairs from the solutions of several rounds, in fixed shares.

A *pool* is the solutions of one round's provers. Each pair is of one pool and one problem, so within every pool, and
so in all, half of the solutions are right (Kirchner et al., arXiv 2407.13692, sec. 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.records import as_records
from oversight_envs.training.verifiers import LabelledSolution, SolutionPair, balanced_pairs


def labelled_solutions(records: Sequence[Record], role: str | None = None) -> list[LabelledSolution]:
    """The solutions of finished episodes, of one role or of all, with their correctness."""
    return [
        LabelledSolution(record.question.id, record.question.text, statement.text, record.correct[statement.role])
        for record in as_records(records)
        if record.outcome is not None
        for statement in record.transcript
        if role in (None, statement.role)
    ]


class Mixture:
    """An endless, seeded supply of pairs, the same number from each pool in the long run.

    Args:
        pools: solutions of each round. One whose problems have all right or all wrong solutions gives no pair and is
            left out (``left_out`` says which); if that is so of every pool, ValueError says so with the counts.
        seed: decides the pairs, with the number of the step: nothing is remembered from step to step.
    """

    def __init__(self, pools: Sequence[Sequence[LabelledSolution]], seed: int) -> None:
        self._pools = [tuple(pool) for pool in pools]
        self._seed = seed
        self._sizes: dict[int, int] = {}
        """Pool -> how many pairs one pass over it gives."""
        errors: list[ValueError] = []
        for index in range(len(self._pools)):
            try:
                self._sizes[index] = len(self._pass(index, 0))
            except ValueError as error:
                errors.append(error)
        if not self._sizes:
            raise errors[0] if errors else ValueError("pools is empty: give the solutions of at least one round")
        self.left_out = [index for index in range(len(self._pools)) if index not in self._sizes]

    def pairs(self, step: int, count: int) -> list[SolutionPair]:
        """``count`` pairs for step ``step`` (from 0); what does not divide evenly goes to each pool in turn."""
        found: list[SolutionPair] = []
        used = list(self._sizes)
        for place, index in enumerate(used):
            turn = (place + step) % len(used)
            share = count // len(used) + (turn < count % len(used))
            start = step * -(-count // len(used))  # no pair of a pass stands in two steps
            found += [self._pair(index, number) for number in range(start, start + share)]
        return found

    def _pair(self, index: int, number: int) -> SolutionPair:
        passes, place = divmod(number, self._sizes[index])
        return self._pass(index, passes)[place]

    @lru_cache(maxsize=64)  # noqa: B019  a mixture lives as long as its verifier's training
    def _pass(self, index: int, number: int) -> tuple[SolutionPair, ...]:
        """All pairs of one pass over a pool, drawn anew for each pass."""
        return balanced_pairs(
            self._pools[index], np.random.default_rng(derive_seed(self._seed, "pool", index, number))
        ).pairs
