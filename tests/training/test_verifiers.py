"""Verifiers learn from balanced pairs."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from training_games import Bag, attempts, config, seeded, tokenizer
from transformers import LlamaForSequenceClassification

from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import PromptTooLong
from oversight_envs.training import LabelledSolution, VerifierConfig, VerifierTrainer, balanced_pairs
from oversight_envs.training.verifiers import SolutionPair, contrastive_loss, cross_entropy_loss

pytestmark = pytest.mark.usefixtures("one_thread")


def test_pairs_are_balanced_within_each_problem() -> None:
    found = balanced_pairs(attempts(), np.random.default_rng(0))
    assert (found.all_right, found.all_wrong) == (10, 0)
    assert len(found.pairs) == 30
    assert all(right.correct and not wrong.correct for right, wrong in found.pairs)
    assert all(right.problem_id == wrong.problem_id for right, wrong in found.pairs)
    used = [id(a) for pair in found.pairs for a in pair]
    assert len(set(used)) == len(used)
    assert found == balanced_pairs(attempts(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="of 2 problems 1 have only right ones and 1 only wrong"):
        balanced_pairs(
            [LabelledSolution("a", "", "", True), LabelledSolution("b", "", "", False)], np.random.default_rng(0)
        )


def test_verifier_losses_are_their_formulas() -> None:
    right, wrong = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    for i in range(2):
        r, w = float(right[i]), float(wrong[i])
        got = float(contrastive_loss(right, wrong, 0.1)[i])
        assert got == pytest.approx(math.log1p(math.exp(w - r)) + 0.1 * (r * r + w * w) / 2)
        got = float(cross_entropy_loss(right, wrong)[i])
        assert got == pytest.approx((math.log1p(math.exp(-r)) + math.log1p(math.exp(w))) / 2)


@pytest.mark.parametrize("loss", ["contrastive", "cross_entropy"])
@pytest.mark.parametrize("kind", ["padded", "without a pad token", "bare module"])
def test_a_verifier_learns_to_tell_right_from_wrong(loss: Any, kind: str) -> None:
    made = tokenizer()
    pad = {"pad_token_id": 0 if kind == "padded" else None, "num_labels": 1}
    model = seeded(lambda: LlamaForSequenceClassification(config(len(made), **pad)))
    verifier = RewardModelVerifier(model, made, name="tiny")
    settings = VerifierConfig(loss=loss, learning_rate=5e-3 if kind != "bare module" else 0.1, minibatches=2)
    if kind == "bare module":
        trainer = VerifierTrainer(Bag(), settings, encode=lambda problem, text: made(text)["input_ids"])
    else:
        trainer = VerifierTrainer(verifier, settings)
    found = balanced_pairs(attempts(), np.random.default_rng(0)).pairs
    log = [trainer.step(found) for _ in range(12)]
    held_out = attempts(60)[120:]
    assert log[0]["loss"] > log[-1]["loss"]
    assert roc_auc_score([a.correct for a in held_out], trainer.scores(held_out)) > 0.98
    if kind != "bare module":  # the verifier that plugs into games scores with the trained weights
        shown: Any = [SimpleNamespace(problem=a.problem, text=a.text) for a in held_out[:8]]
        assert verifier.score(shown) == pytest.approx(trainer.scores(held_out[:8]), abs=1e-4)


def test_regularisation_centres_scores() -> None:
    found = balanced_pairs(attempts(), np.random.default_rng(0)).pairs
    made = tokenizer()

    def size(regularisation: float) -> float:
        settings = VerifierConfig(learning_rate=0.1, regularisation=regularisation)
        trainer = VerifierTrainer(Bag(), settings, encode=lambda problem, text: made(text)["input_ids"])
        for _ in range(30):
            trainer.step(found)
        return float(np.square(trainer.scores([a for pair in found for a in pair])).mean())

    assert size(0.3) < 0.5 * size(0.0)


def test_solutions_that_do_not_fit_are_refused() -> None:
    made = tokenizer()
    model = seeded(lambda: LlamaForSequenceClassification(config(len(made), num_labels=1, pad_token_id=0)))
    verifier = RewardModelVerifier(model, made, name="tiny")
    long = LabelledSolution("p", "What is it", "red " * 600, True)
    with pytest.raises(PromptTooLong, match="exceeds the 512 that model 'tiny' can read"):
        VerifierTrainer(verifier).step([SolutionPair(long, long)])
