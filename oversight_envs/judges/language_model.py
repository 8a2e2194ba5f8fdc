"""Judges and verifiers that read a language model's next-token probabilities: no text is generated or parsed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oversight_envs.core.checks import at_least
from oversight_envs.core.requests import Case, Solution
from oversight_envs.core.verdict import Verdict
from oversight_envs.models import Engine
from oversight_envs.models.loading import load_engine

YES_NO = ("Yes", "No")
"""The words for right and wrong that a verifier is asked for."""


class LogitJudge:
    """Decides by the probabilities that a language model gives to the options' labels as its next token.

    Args:
        lm: a model, or the name of one.
        batch_size: the most cases in one forward pass; the model's own limit by default.
    """

    def __init__(self, lm: Engine | str, *, batch_size: int | None = None) -> None:
        if batch_size is not None:
            at_least("batch_size", batch_size, 1)
        self.lm: Engine = _reads_labels(load_engine(lm) if isinstance(lm, str) else lm)
        self.batch_size = batch_size

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict for each case, in order, with the probability mass on its labels.

        Raises ValueError for a label that is not a single token, PromptTooLong, and NonFiniteLogits: it never guesses.
        """
        verdicts: dict[int, Verdict] = {}
        for labels in dict.fromkeys(case.labels for case in cases):
            indices = [i for i, case in enumerate(cases) if case.labels == labels]
            readings = self.lm.label_log_probs([cases[i].prompt for i in indices], labels, batch_size=self.batch_size)
            verdicts |= {i: Verdict(r.log_probs, r.mass) for i, r in zip(indices, readings, strict=True)}
        return [verdicts[i] for i in range(len(cases))]

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "LogitJudge", "lm": self.lm.description}


class LogitVerifier:
    """Scores a solution by the log-odds of Yes over No as the next token: a zero-shot verifier.

    Args:
        lm: a model, or the name of one.
        labels: the words for right and wrong, as the prompt asks for them.
        batch_size: the most solutions in one forward pass; the model's own limit by default.
    """

    def __init__(self, lm: Engine | str, *, labels: tuple[str, str] = YES_NO, batch_size: int | None = None) -> None:
        if len(labels) != 2:
            raise ValueError(f"labels={labels!r}: give two, the word for right and the word for wrong")
        if batch_size is not None:
            at_least("batch_size", batch_size, 1)
        self.lm: Engine = _reads_labels(load_engine(lm) if isinstance(lm, str) else lm)
        self.lm.label_ids(labels)
        self.labels = labels
        self.batch_size = batch_size

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        """V for each solution, in order. Raises PromptTooLong and NonFiniteLogits: it never answers 0 instead."""
        prompts = [solution.prompt for solution in solutions]
        readings = self.lm.label_log_probs(prompts, self.labels, batch_size=self.batch_size)
        return [reading.log_probs[0] - reading.log_probs[1] for reading in readings]

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "LogitVerifier", "lm": self.lm.description, "labels": list(self.labels)}


def _reads_labels(lm: Engine) -> Engine:
    if "label_log_probs" not in lm.can:
        raise ValueError(f"model {lm.name!r} gives no probabilities of labels, which this judge decides by")
    return lm
