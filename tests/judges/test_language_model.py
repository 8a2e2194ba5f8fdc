"""Language models as judges and verifiers, by the probabilities of labels."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import PROMPTS, about, fresh, random_model, user

from oversight_envs.core.requests import Case, Solution
from oversight_envs.judges.language_model import LogitJudge, LogitVerifier
from oversight_envs.models import load


def test_logit_judge() -> None:
    tiny = random_model()
    cases = [
        Case("judge_0", prompt, i, *about(), labels=("A", "B", "C")[: 2 + i % 2], options=("x", "y", "z")[: 2 + i % 2])
        for i, prompt in enumerate(PROMPTS)
    ]
    judge = LogitJudge(tiny, batch_size=3)
    verdicts = judge.decide(cases)
    for case, verdict in zip(cases, verdicts, strict=True):
        [alone] = LogitJudge(fresh(tiny)).decide([case])
        assert len(verdict.log_probs) == len(case.labels)
        assert np.allclose(alone.log_probs, verdict.log_probs, atol=1e-3)
        assert alone.mass == pytest.approx(verdict.mass, rel=1e-3)
    assert judge.description["lm"]["model"] == "tiny"
    with pytest.raises(ValueError, match="batch_size=0"):
        LogitJudge(tiny, batch_size=0)


def test_logit_verifier() -> None:
    tiny = random_model()
    solutions = [Solution("verifier_0", prompt, 0, *about(), problem="p", text="t") for prompt in PROMPTS]
    scores = LogitVerifier(tiny).score(solutions)
    readings = tiny.label_log_probs(PROMPTS, ["Yes", "No"])
    assert np.allclose(scores, [r.log_probs[0] - r.log_probs[1] for r in readings], atol=1e-4)
    with pytest.raises(ValueError, match="labels="):
        LogitVerifier(tiny, labels=("Yes",))  # type: ignore[arg-type]


def test_a_real_model_judges() -> None:
    smollm = load("smollm2-135m")
    text = "Question: what is the capital of France?\nA: {}\nB: {}\nAnswer with one letter, A or B."
    prompts = [user(text.format("Paris", "Berlin")), user(text.format("Berlin", "Paris"))]
    first, second = LogitJudge(smollm).decide(
        [
            Case("judge_0", prompt, i, *about(), labels=("A", "B"), options=("x", "y"))
            for i, prompt in enumerate(prompts)
        ]
    )
    assert first.log_probs[0] - first.log_probs[1] > second.log_probs[0] - second.log_probs[1]
    assert first.mass is not None
    assert first.mass > 0.1
