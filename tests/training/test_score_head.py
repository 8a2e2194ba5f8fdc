"""Score heads on language models."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from training_games import attempts, config, seeded, tiny, tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import LanguageModel, load
from oversight_envs.models.tiny import TinyForSequenceClassification
from oversight_envs.training import VerifierConfig, VerifierTrainer, balanced_pairs
from oversight_envs.training.score_head import score_head

pytestmark = pytest.mark.usefixtures("one_thread")


def solutions(count: int = 6) -> list[Any]:
    return [SimpleNamespace(problem="What is it", text="red " * i + "true") for i in range(1, count)]


def test_a_score_head_reads_what_the_language_models_own_head_read(tmp_path: Path) -> None:
    lm = tiny(initializer_range=0.2)
    before = {name: p.clone() for name, p in lm.model.named_parameters()}
    state = torch.random.get_rng_state()
    verifier, twin, other = score_head(lm, seed=0), score_head(lm, seed=0), score_head(lm, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    scores = verifier.score(solutions())
    assert scores == twin.score(solutions())
    assert not np.allclose(scores, other.score(solutions()), atol=1e-3)
    for solution, score in zip(solutions(), scores, strict=True):
        ids = torch.tensor([verifier.encode(solution.problem, solution.text)])
        last = int((ids[0] != verifier.pad_id).nonzero().max())  # the template ends with the token that is padded with
        with torch.no_grad():
            states = lm.model(ids, output_hidden_states=True).hidden_states[-1]
        assert score == pytest.approx(float((states[0, last] @ verifier.model.score.weight[0]).detach()), abs=1e-4)
    trainer = VerifierTrainer(verifier, VerifierConfig(learning_rate=5e-3, lr_multipliers={"score": 10}))
    log = [trainer.step(balanced_pairs(attempts(), np.random.default_rng(0)).pairs) for _ in range(8)]
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    assert all(torch.equal(before[name], p) for name, p in lm.model.named_parameters())
    verifier.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    assert RewardModelVerifier(str(tmp_path)).score(solutions()) == pytest.approx(verifier.score(solutions()), abs=1e-5)


def test_a_score_head_with_an_adapter_on_half_precision_weights() -> None:
    from peft import LoraConfig

    lm = tiny()
    lm.model.bfloat16()
    verifier = score_head(lm, seed=0, lora=LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    trainer = VerifierTrainer(verifier, VerifierConfig(learning_rate=1e-2))
    assert {"lora" in name or name == "score.weight" for name in trainer.optimiser.parameters} == {True}
    before = {name: p.clone() for name, p in verifier.model.named_parameters()}
    trainer.step(balanced_pairs(attempts(), np.random.default_rng(0)).pairs)
    changed = {name for name, p in verifier.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed
    assert changed <= set(trainer.optimiser.parameters)
    assert np.isfinite(verifier.score(solutions())).all()


def test_a_tiny_model_takes_a_score_head_too() -> None:
    lm = load("tiny-arithmetic-verifier")
    verifier, other = score_head(lm, seed=0), score_head(lm, seed=1)
    assert isinstance(verifier.model, TinyForSequenceClassification)
    problem = [SimpleNamespace(problem="Work from left to right: 7 + 5", text="Answer: 12")]
    assert verifier.score(problem) == score_head(lm, seed=0).score(problem) != other.score(problem)


def test_models_that_take_no_score_head() -> None:
    class OddConfig(LlamaConfig):
        model_type = "odd"

    odd = tiny()
    odd.model.config = OddConfig()
    with pytest.raises(ValueError, match="'tiny': transformers has no sequence classifier for OddConfig"):
        score_head(odd)
    bare = tokenizer(template=False)
    with pytest.raises(ValueError, match="no chat template"):
        score_head(LanguageModel(seeded(lambda: LlamaForCausalLM(config(len(bare)))), bare, name="bare"))
