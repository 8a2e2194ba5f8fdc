"""Verifiers learn to tell right solutions from wrong ones of the same problem.

After Kirchner et al., *Prover-verifier games improve legibility of LLM outputs* (arXiv 2407.13692): pairs of one right
and one wrong solution, balanced so that neither the problem nor its difficulty gives the answer away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from oversight_envs.core.checks import not_negative, one_of
from oversight_envs.judges.reward_model import RewardModelVerifier, row_scores
from oversight_envs.training.config import TrainingConfig
from oversight_envs.training.policy import bfloat16_on_gpu
from oversight_envs.training.supervised import SupervisedTrainer

Encode = Callable[[str, str], Sequence[int]]
"""(problem, solution) -> token ids."""


EncodedPair = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of a right and a wrong solution."""


class LabelledSolution(NamedTuple):
    """A solution whose correctness is known. ``problem_id`` tells problems apart, ``problem`` is its text."""

    problem_id: str
    problem: str
    text: str
    correct: bool


class SolutionPair(NamedTuple):
    """A right and a wrong solution of one problem."""

    right: LabelledSolution
    wrong: LabelledSolution


@dataclass(frozen=True, slots=True)
class BalancedPairs:
    """Balanced pairs, and how many problems gave none because all their solutions are right, or all wrong."""

    pairs: tuple[SolutionPair, ...]
    all_right: int
    all_wrong: int


def balanced_pairs(solutions: Iterable[LabelledSolution], rng: np.random.Generator) -> BalancedPairs:
    """As many pairs of each problem as it has solutions of its rarer kind, drawn and shuffled by ``rng``.

    A solution is in one pair at most, so half of the solutions are right, for every problem. Those left over may be
    drawn with another ``rng`` the next time. Raises ValueError, with the counts, if no problem has both kinds.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng={rng!r:.80}: give a generator, np.random.default_rng(0)")
    problems: dict[str, tuple[list[LabelledSolution], list[LabelledSolution]]] = {}
    for solution in solutions:
        if not isinstance(solution, LabelledSolution):
            raise TypeError(
                f"solutions holds {solution!r:.80}: give LabelledSolution(problem_id, problem, text, correct)"
            )
        problems.setdefault(solution.problem_id, ([], []))[0 if solution.correct else 1].append(solution)
    pairs = []
    for right, wrong in problems.values():
        count = min(len(right), len(wrong))
        chosen = zip(rng.permutation(len(right))[:count], rng.permutation(len(wrong))[:count], strict=True)
        pairs += [SolutionPair(right[i], wrong[j]) for i, j in chosen]
    all_right = sum(not wrong for _, wrong in problems.values())
    all_wrong = sum(not right for right, _ in problems.values())
    if not pairs:
        raise ValueError(
            f"no problem has both a right and a wrong solution: of {len(problems)} problems {all_right} have only "
            f"right ones and {all_wrong} only wrong ones; draw more samples, or other problems"
        )
    return BalancedPairs(tuple(pairs[int(i)] for i in rng.permutation(len(pairs))), all_right, all_wrong)


@dataclass(frozen=True, kw_only=True)
class VerifierConfig(TrainingConfig):
    """Settings of ``VerifierTrainer``, beside those of every training step."""

    loss: Literal["contrastive", "cross_entropy"] = "contrastive"
    """``contrastive``: the paper's, on differences within a pair; ``cross_entropy``: each solution for itself, so that
    V is the log-odds that it is right."""
    regularisation: float = 0.005
    """lambda: weight of the mean of V^2 over a pair's two solutions, which centres V at 0. ``contrastive`` only. The
    paper gives no value."""
    mixed_precision: bool = True
    """bfloat16 autocast on a GPU; no effect on a CPU."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("loss", self.loss, ("contrastive", "cross_entropy"))
        not_negative("regularisation", self.regularisation)


def contrastive_loss(right: Tensor, wrong: Tensor, regularisation: float) -> Tensor:
    """-log sigmoid(V_right - V_wrong) + lambda (V_right^2 + V_wrong^2) / 2, for each pair [n].

    The paper's -log sigmoid((V1 - V2) sign(c1 - c2)) with the right solution named first, where the sign is 1.
    """
    return -logsigmoid(right - wrong) + regularisation * (right**2 + wrong**2) / 2


def cross_entropy_loss(right: Tensor, wrong: Tensor) -> Tensor:
    """-(log sigmoid(V_right) + log sigmoid(-V_wrong)) / 2, for each pair [n]."""
    return -(logsigmoid(right) + logsigmoid(-wrong)) / 2


class VerifierTrainer(SupervisedTrainer[EncodedPair]):
    """Trains a verifier in place, on all its weights that require gradients.

    Args:
        verifier: a ``RewardModelVerifier``, which scores with the trained weights at once; or any module that is called
            as ``module(input_ids=[n, length], attention_mask=[n, length])``, rows padded on the right with 0, and gives
            V as a tensor [n] or [n, 1], or in ``.logits``.
        config: the settings.
        encode: how a bare module's ids are made from problem and solution; a ``RewardModelVerifier`` has its own chat.
    """

    learner: ClassVar = "verifier"
    counted: ClassVar = "pairs"
    statistics: ClassVar = ("loss", "accuracy", "score_right", "score_wrong")

    def __init__(
        self,
        verifier: RewardModelVerifier | nn.Module,
        config: VerifierConfig | None = None,
        *,
        encode: Encode | None = None,
    ) -> None:
        self.config = config or VerifierConfig()
        self._pad_id: int | None = 0
        if isinstance(verifier, RewardModelVerifier):
            model, self._description, self._pad_id = verifier.model, verifier.description, verifier.pad_id
            encode = encode or verifier.encode
        else:
            model, self._description = verifier, {"type": type(verifier).__qualname__}
        if not isinstance(model, nn.Module):
            raise TypeError(
                f"verifier={verifier!r:.80}: give a RewardModelVerifier, such as score_head(lm), or a module"
            )
        if encode is None:
            raise ValueError("encode=None: say how a problem and its solution become token ids")
        given = encode
        self._encode = lru_cache(maxsize=1 << 16)(lambda problem, text: tuple(given(problem, text)))
        super().__init__(model, self.config)

    def step(self, pairs: Sequence[SolutionPair]) -> dict[str, float]:
        """One training step on pairs, ``epochs`` times over; statistics for the log.

        ``loss``, ``accuracy`` (the share of pairs whose right solution has the higher V) and mean V of right and wrong
        solutions, each taken before the update that it led to. If anything is raised the verifier is as before.
        """
        if not pairs:
            raise ValueError("pairs is empty: there is nothing to train the verifier on")
        for pair in pairs:
            if not isinstance(pair, SolutionPair):
                raise TypeError(f"pairs holds {pair!r:.80}: give pairs, balanced_pairs(solutions, rng).pairs")
        rows = [
            (self._encode(p.right.problem, p.right.text), self._encode(p.wrong.problem, p.wrong.text)) for p in pairs
        ]
        return self._step(rows)

    def scores(self, solutions: Sequence[LabelledSolution]) -> list[float]:
        """V of each solution, in order."""
        rows = [self._encode(solution.problem, solution.text) for solution in solutions]
        with torch.no_grad():
            parts = self.optimiser.in_parts(
                [len(row) for row in rows], lambda part: self._values([rows[i] for i in part]).tolist()
            )
        found = {i: score for indices, scores in parts for i, score in zip(indices, scores, strict=True)}
        return [found[i] for i in range(len(rows))]

    @property
    def identity(self) -> dict[str, Any]:
        model = {**self._description, "origin": self._origin}
        return {"type": "VerifierTrainer", "config": self.config.plain(), "model": model}

    def _length(self, example: EncodedPair) -> int:
        return 2 * max(map(len, example))

    def _losses(self, examples: Sequence[EncodedPair]) -> tuple[Tensor, Tensor]:
        right, wrong = self._values([pair[side] for side in (0, 1) for pair in examples]).chunk(2)
        if self.config.loss == "contrastive":
            losses = contrastive_loss(right, wrong, self.config.regularisation)
        else:
            losses = cross_entropy_loss(right, wrong)
        return losses, torch.stack([row.detach().double().sum() for row in (losses, right > wrong, right, wrong)])

    def _values(self, rows: list[tuple[int, ...]]) -> Tensor:
        """V [n], with gradients where they are enabled."""
        self.model.eval()
        with bfloat16_on_gpu(next(self.model.parameters()).device, self.config.mixed_precision):
            return row_scores(self.model, rows, self._pad_id)
