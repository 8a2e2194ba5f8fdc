"""The solutions that a run writes, each kept in a file: what verifiers learn from, and what everyone is measured on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier
from oversight_envs.training.mixtures import labelled_solutions
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.recipes.prover_verifier.config import MixtureKind, ProverVerifierConfig
from oversight_envs.training.verifiers import LabelledSolution

Source = Literal["pool", "base", "held-out", "best-of"]
Corrupt = Callable[[Question, np.random.Generator], tuple[str, str]]
"""(problem, random draws) -> a right solution and a wrong one with a planted error."""


class SolutionFiles:
    """Solutions by round, read from their files or written when they are first asked for.

    They come from a game of provers alone: whichever verifiers want to know score them later.

    Args:
        config: the shape of the run.
        game: the game of both provers.
        train, test: the tasks of the verifiers' and provers' problems, which are disjoint, and of the held-out ones.
        base: the prover at its base weights.
        folder: where the files go.
        corrupt: plants errors in solutions, where the task's problems have any to plant them in.
    """

    def __init__(
        self,
        config: ProverVerifierConfig,
        *,
        game: ProverVerifier,
        train: Task,
        test: Task,
        base: TextPolicy,
        folder: Path,
        corrupt: Corrupt | None = None,
    ) -> None:
        self.config, self.train, self.test, self.folder, self.corrupt = config, train, test, folder, corrupt
        self.game = replace(game, verifier=False)
        self.verifier_problems, self.prover_problems = _disjoint(config, train)
        self.held_out = test.sample(config.held_out, seed=config.seed)
        self._base = base
        self._found: dict[str, list[Record]] = {}

    def written(
        self, source: Source, number: int, by: TextPolicy | None = None, *, step: int | None = None
    ) -> list[Record]:
        """Solutions of round ``number - 1``'s provers (0: the base model), from their file or written ``by`` a policy.

        ``pool`` are those to the verifiers' problems, ``held-out`` those to the held-out ones, ``best-of`` further ones
        to these by the helpful prover alone, ``base`` further ones of the base model to the verifiers' problems. With
        ``step``, they are by the provers as they are after so many RL steps.
        """
        name = f"{source}-{number}" if step is None else f"{source}-{number}-step-{step}"
        if name not in self._found:
            policy = self._base if by is None else by
            policy.lm.forget()  # what an engine keeps changes rounding, and a resumed run has not kept it
            held_out = source in ("held-out", "best-of")
            game = replace(self.game, provers="helpful") if source == "best-of" else self.game
            samples = {"held-out": self.config.held_out_solutions, "best-of": self.config.best_of_solutions}
            self._found[name] = rollout(
                game,
                self.test if held_out else self.train,
                dict.fromkeys(game.prover_roles, policy),
                questions=self.held_out if held_out else self.verifier_problems,
                samples=samples.get(source, self.config.solutions),
                seed=derive_seed(self.config.seed, name),
                path=self.folder / f"{name}.jsonl",
                reuse=True,  # by the policy that the run's checkpoints lead to, which is not the one that is here now
                concurrency=self.config.concurrency,
            )
        return self._found[name]

    def pools(self, mixture: MixtureKind, number: int) -> list[list[LabelledSolution]]:
        """The solutions that the verifier of round ``number`` is trained on, one list for each earlier round."""
        if mixture == "latest":
            return [labelled_solutions(self.written("pool", number))]
        later: Source = "base" if mixture == "base" else "pool"
        records = [self.written("pool", 0)] + [self.written(later, k) for k in range(1, number + 1)]
        if mixture == "fixed":
            # one pool, since pairs may be of solutions from different rounds
            place = {problem.id: index for index, problem in enumerate(self.verifier_problems)}
            records = [
                [
                    record
                    for round, found in enumerate(records)
                    for sample, record in _samples(found)
                    if (place[record.question.id] + sample) % len(records) == round
                ]
            ]
        return [labelled_solutions(found) for found in records]

    @cached_property
    def corrupted(self) -> list[LabelledSolution]:
        """A right solution and a corrupted one to each of the verifiers' problems; none without ``corrupt``."""
        if self.corrupt is None:
            return []
        rng = np.random.default_rng(derive_seed(self.config.seed, "corrupted"))
        return [
            LabelledSolution(problem.id, problem.text, text, right)
            for problem in self.verifier_problems
            for text, right in zip(self.corrupt(problem, rng), (True, False), strict=True)
        ]


def _samples(records: Sequence[Record]) -> Iterator[tuple[int, Record]]:
    """Each record, and how many on the same question come before it."""
    seen: Counter[str] = Counter()
    for record in records:
        yield seen[record.question.id], record
        seen[record.question.id] += 1


def _disjoint(config: ProverVerifierConfig, task: Task) -> tuple[list[Question], list[Question]]:
    """The verifiers' problems and the provers'; none is in both, not under another id either."""
    wanted = config.verifier_problems + config.prover_problems
    found = {question.text: question for question in task.sample(min(wanted * 2, len(task)), seed=config.seed)}
    if len(found) < wanted:
        raise ValueError(
            f"verifier_problems={config.verifier_problems} and prover_problems={config.prover_problems}: task "
            f"{task.name!r}, split {task.split!r}, has {len(found)} different problems; lower them"
        )
    problems = list(found.values())
    return problems[: config.verifier_problems], problems[config.verifier_problems : wanted]
