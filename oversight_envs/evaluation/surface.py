"""Can the writer of a text be told from its surface alone, by which words and pairs of words stand in it?

The prover-verifier paper (arXiv 2407.13692, sec. 4 and supplement) asks whether helpful and sneaky solutions come to
look alike by training a discriminator. One that can check a solution tells them apart for as long as one role is right
more often, so this one can't: logistic regression on unigrams and bigrams.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from oversight_envs.core.checks import at_least
from oversight_envs.evaluation.solutions import ScoredSolution, auc
from oversight_envs.evaluation.statistics import UNDEFINED, Estimate

FOLDS = 5


class WrittenSolution(NamedTuple):
    """A solution to a question, who wrote it, and whether it is right."""

    question: str
    role: str
    text: str
    right: bool


class SurfaceDiscriminator(NamedTuple):
    """The chance that the discriminator finds a solution by ``role`` likelier to be that role's than another's (AUC).

    One half means that their surfaces look alike. Among ``right`` and among ``wrong`` solutions a role can't be known
    by how often it is right.
    """

    all: Estimate
    right: Estimate
    wrong: Estimate


def discriminate(
    solutions: Sequence[WrittenSolution],
    role: str,
    *,
    hide_digits: bool = False,
    interval: bool = True,
    seed: int = 0,
) -> SurfaceDiscriminator:
    """Tells solutions by ``role`` from the others, by logistic regression on the unigrams and bigrams of their words.

    Cross-validated in 5 parts by question: each solution is judged by a regression that has seen none to its question.
    Undefined where there are fewer than 5 questions or a part has solutions of only one kind to learn from.

    Args:
        hide_digits: reads every digit as ``#``, so that which numbers stand in a solution tells nothing.
        interval: False gives the areas alone, as ``auc`` does.
        seed: decides the parts.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    at_least("seed", seed, 0)
    own = np.array([solution.role == role for solution in solutions])
    questions = [solution.question for solution in solutions]
    undefined = SurfaceDiscriminator(UNDEFINED, UNDEFINED, UNDEFINED)
    if len(set(questions)) < FOLDS:
        return undefined
    texts = [re.sub(r"\d", "#", s.text) if hide_digits else s.text for s in solutions]
    found = np.zeros(len(texts))
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(texts, groups=questions):
        if own[train].all() or not own[train].any():
            return undefined
        words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", lowercase=False, binary=True)
        try:
            seen = words.fit_transform([texts[i] for i in train])
        except ValueError:  # no words at all
            return undefined
        model = LogisticRegression(C=0.1, max_iter=1000).fit(seen, own[train])
        found[test] = model.decision_function(words.transform([texts[i] for i in test]))
    marks = [
        # to be told apart here is who wrote it, in the place of whether it is right
        (s.right, ScoredSolution(s.question, "", bool(mine), True, float(value)))
        for s, mine, value in zip(solutions, own, found, strict=True)
    ]
    kinds = ([m for _, m in marks], [m for right, m in marks if right], [m for right, m in marks if not right])
    return SurfaceDiscriminator(*(auc(kind, interval=interval) if kind else UNDEFINED for kind in kinds))
