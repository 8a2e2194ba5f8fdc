"""Models with float16 weights: close to float32, the same alone and in a batch, and never trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from random_models import random_model, requests, seeded, user
from torch import nn

from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import LanguageModel, load
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.models.hf.packed import PackedLinear, pack
from oversight_envs.training import JudgeTrainer, TextPolicy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_folder(path, random_model().model, random_model().tokenizer)
    return path


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_close_to_float32_and_each_row_alone(bias: bool) -> None:
    linear = seeded(lambda: nn.Linear(200, 30, bias=bias))
    inputs = seeded(lambda: torch.randn(2, 5, 200)) * torch.tensor([1e-4, 0, 1, 30, 1e4])[:, None]
    layer = PackedLinear(linear)
    with torch.no_grad():
        expected, outputs = linear(inputs), layer(inputs)
        apart = (outputs - expected).norm(dim=-1) / expected.norm(dim=-1).clamp(min=1e-6)
        assert outputs.shape == expected.shape
        assert apart.max() < 1e-3
        for row in range(5):  # a neighbour 10,000 times as large changes nothing, not even the last bit
            assert torch.equal(outputs[:, row], layer(inputs[:, row]))


def test_what_is_played_depends_on_the_request_alone(folder: Path) -> None:
    lm = load(f"{folder}?dtype=float16")
    together = lm.generate(requests())
    lm.forget()
    for request, expected in zip(requests(), together, strict=True):
        (alone,) = lm.generate([request])
        assert alone.token_ids == expected.token_ids
        assert alone.log_probs == pytest.approx(expected.log_probs, abs=1e-4)


def test_it_says_what_it_is_and_is_not_trained(folder: Path) -> None:
    plain, lm = load(str(folder)), load(f"{folder}?dtype=float16")
    assert lm.model is load(str(folder), dtype="float16").model
    assert (plain.description["dtype"], lm.description["dtype"]) == ("float32", "float16")
    assert plain.fingerprint != lm.fingerprint
    assert (plain.can - lm.can, lm.can - plain.can) == ({"training"}, set())
    assert isinstance(lm.model.lm_head, PackedLinear)
    assert isinstance(plain.model.lm_head, nn.Linear)
    for refuses in (lambda: TextPolicy(lm), lambda: TextPolicy(f"{folder}?dtype=float16"), lambda: JudgeTrainer(lm)):
        with pytest.raises(ValueError, match="only plays"):
            refuses()


def test_a_copy_reads_the_same(folder: Path) -> None:
    lm = load(f"{folder}?dtype=float16")
    copy = lm.copy()
    assert copy.model is not lm.model
    assert copy.fingerprint == lm.fingerprint
    assert copy.generate(requests(2)) == lm.generate(requests(2))


def test_a_reward_model_in_float16(tmp_path: Path) -> None:
    from transformers import LlamaForSequenceClassification

    config = random_model().model.config
    config = type(config).from_dict({**config.to_dict(), "num_labels": 1})
    save_folder(tmp_path, seeded(lambda: LlamaForSequenceClassification(config)), random_model().tokenizer)
    verifier = RewardModelVerifier(f"{tmp_path}?dtype=float16")
    assert verifier.description["dtype"] == "float16"


def test_bad_dtypes(folder: Path) -> None:
    for dtype in ("int8", "int4", "", "nn", 8):
        with pytest.raises(ValueError, match="give 'float32'"):
            load(str(folder), dtype=dtype)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="int4"):
        load(f"{folder}?dtype=int4")
    with pytest.raises(ValueError, match=r"no torch\.nn\.Linear"):
        pack(nn.Sequential(nn.Embedding(2, 2)))


def test_a_real_judge_hardly_changes(smollm: LanguageModel) -> None:
    prompts = [user(f"Is {n} an even number? (A) yes (B) no. Reply with A or B only.") for n in (2, 7, 10)]
    exact = smollm.label_log_probs(prompts, ("A", "B"))
    rough = load("smollm2-135m?dtype=float16").label_log_probs(prompts, ("A", "B"))
    for a, b in zip(exact, rough, strict=True):
        assert a.log_probs[0] - a.log_probs[1] == pytest.approx(b.log_probs[0] - b.log_probs[1], abs=0.01)
