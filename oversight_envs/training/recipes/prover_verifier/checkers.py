"""How easily solutions are checked by somebody who took no part in the game.

Verifiers that are trained once, on the base model's solutions and on right ones with a planted error, and then stay as
they are. A checker trained on each round's own solutions would see fewer wrong ones from round to round, and what it
then loses is its own data, not the solutions' clarity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges import RewardModelVerifier
from oversight_envs.training.mixtures import Mixture, labelled_solutions
from oversight_envs.training.recipes.prover_verifier import measures
from oversight_envs.training.recipes.prover_verifier.config import HELPFUL, ProverVerifierConfig
from oversight_envs.training.recipes.prover_verifier.solutions import SolutionFiles
from oversight_envs.training.verifiers import LabelledSolution, VerifierTrainer


class Checkers:
    """``config.checkers`` of them, which differ by their score heads and the order of their data."""

    def __init__(
        self, config: ProverVerifierConfig, solutions: SolutionFiles, verifier: Callable[[int], RewardModelVerifier]
    ) -> None:
        self.config, self.solutions, self._make_verifier = config, solutions, verifier

    def areas(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Each checker's AUC on the helpful prover's solutions: the chance to score a right one above a wrong one.

        It does not depend on how many are right; undefined where all are, or none.
        """
        solutions = labelled_solutions(records, HELPFUL)
        return [asdict(measures.area(solutions, trainer)) for trainer in self._trained]

    @cached_property
    def _trained(self) -> list[VerifierTrainer]:
        pools = [labelled_solutions(self.solutions.written("pool", 0)), self.solutions.corrupted]
        return [self._train([pool for pool in pools if pool], number) for number in range(self.config.checkers)]

    def _train(self, pools: Sequence[Sequence[LabelledSolution]], number: int) -> VerifierTrainer:
        seed = derive_seed(self.config.seed, "checker", number)
        return train_verifier(self._make_verifier(seed), Mixture(pools, seed), self.config.checker_steps, self.config)


def train_verifier(
    verifier: RewardModelVerifier, mixture: Mixture, steps: int, config: ProverVerifierConfig
) -> VerifierTrainer:
    """A verifier that nobody plays against, trained at once."""
    trainer = VerifierTrainer(verifier, config.verifier)
    for step in range(steps):
        trainer.step(mixture.pairs(step, config.verifier_pairs))
    return trainer
