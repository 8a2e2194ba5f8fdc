"""Models by name, from folders and from the package's file."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from chat_templates import QWEN3
from random_models import fresh, requests, user

from oversight_envs.judges import make_judge
from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import LanguageModel, load
from oversight_envs.models.hf.loading import resolve, save_folder


def test_specs(smollm: LanguageModel, tmp_path: Any) -> None:
    assert load("smollm2-135m") is smollm
    assert smollm.description == {
        "type": "LanguageModel",
        "model": "smollm2-135m",
        "revision": smollm.revision,
        "dtype": "float32",
    }
    assert resolve("org/name@v1").options == {"revision": "v1"}
    for spec in ("nothing", "./no/folder", "no/file.gguf", str(tmp_path), "", "a/b/c"):
        with pytest.raises(ValueError, match="is not a model"):
            load(spec)


def test_options_of_the_template_stand_behind_the_name(tokenizer: Any, tiny: LanguageModel, tmp_path: Any) -> None:
    thinking = deepcopy(tokenizer)
    thinking.chat_template = QWEN3
    save_folder(tmp_path, tiny.model, thinking)
    plain, off = load(str(tmp_path)), load(f"{tmp_path}?enable_thinking=false")
    assert off is load(f"{tmp_path}?enable_thinking=false")
    assert off.model is plain.model
    assert (plain.thinks, off.thinks) == (True, False)
    assert off.decode(off.encode(user("Hi"))).endswith("assistant\n<think>\n\n</think>\n\n")
    judge = make_judge(f"logit:{tmp_path}?enable_thinking=false")
    assert judge.description["lm"]["template_options"] == {"enable_thinking": False}
    with pytest.raises(ValueError, match="options of the chat template"):
        load(f"{tmp_path}?thinking")


def test_a_saved_model_is_loaded_from_its_folder(tiny: LanguageModel, tmp_path: Any) -> None:
    tiny.model.save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    again = load(str(tmp_path))
    assert again.generate(requests(3)) == fresh(tiny).generate(requests(3))
    with pytest.raises(ValueError, match="no reward model"):
        RewardModelVerifier(str(tmp_path))


def test_the_file_in_the_package_can_be_saved_and_loaded(smollm: LanguageModel) -> None:
    assert not hasattr(smollm.model.config, "quantization_config")
    assert all(parameter.is_floating_point() for parameter in smollm.model.parameters())
