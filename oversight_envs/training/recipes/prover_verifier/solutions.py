"""The solutions that a run writes, each kept in a file: what verifiers learn from, and what everyone is measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier
from oversight_envs.training.mixtures import labelled_solutions
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.recipes.prover_verifier.config import HELPFUL, SNEAKY, MixtureKind, ProverVerifierConfig
from oversight_envs.training.verifiers import LabelledSolution

Source = Literal["pool", "base", "held-out"]


class SolutionFiles:
    """Solutions by round, read from their files or written when they are first asked for.

    They come from a game of provers alone: whichever verifiers want to know score them later.

    Args:
        config: the shape of the run.
        game: the game of both provers.
        train, test: the tasks of the verifiers' and provers' problems, which are disjoint, and of the held-out ones.
        base: the prover at its base weights.
        folder: where the files go.
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
    ) -> None:
        self.config, self.train, self.test, self.folder = config, train, test, folder
        self.game = replace(game, verifier=False)
        self.verifier_problems, self.prover_problems = _disjoint(config, train)
        self.held_out = test.sample(config.held_out, seed=config.seed)
        self._base = base
        self._found: dict[str, list[Record]] = {}

    def written(self, source: Source, number: int, by: TextPolicy | None = None) -> list[Record]:
        """Solutions of round ``number - 1``'s provers (0: the base model), from their file or written ``by`` a policy.

        ``pool`` are those to the verifiers' problems, ``held-out`` those to the held-out ones, ``base`` further ones of
        the base model to the verifiers' problems.
        """
        name = f"{source}-{number}"
        if name not in self._found:
            policy = self._base if by is None else by
            policy.lm.forget()  # what an engine keeps changes rounding, and a resumed run has not kept it
            held_out = source == "held-out"
            self._found[name] = rollout(
                self.game,
                self.test if held_out else self.train,
                {HELPFUL: policy, SNEAKY: policy},
                questions=self.held_out if held_out else self.verifier_problems,
                samples=self.config.held_out_solutions if held_out else self.config.solutions,
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
            # by problems, so that the solutions of one stay together and make pairs
            kept = {q.id for q in self.verifier_problems[:: number + 1]}
            records = [[r for r in found if r.question.id in kept] for found in records]
        return [labelled_solutions(found) for found in records]


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
