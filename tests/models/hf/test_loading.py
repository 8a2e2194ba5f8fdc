"""Models by name, from folders and from the package's file."""

from __future__ import annotations

import gc
import io
import json
import shutil
import weakref
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from chat_templates import QWEN3
from gguf import GGUFWriter
from random_models import fresh, requests, user

from oversight_envs.judges import make_judge
from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import LanguageModel, load, unload
from oversight_envs.models.hf import loading
from oversight_envs.models.hf.loading import resolve, save_folder
from oversight_envs.models.tiny import weights_folder
from oversight_envs.training import TextPolicy

LOADERS: dict[str, Callable[[Path], Any]] = {
    "load": lambda folder: load(str(folder)),
    "reward model": lambda folder: RewardModelVerifier(str(folder)),
    "policy": TextPolicy.load,
    "beside a GGUF": lambda folder: load(str(folder / "m.gguf")),
}


def test_specs(smollm: LanguageModel, tmp_path: Any) -> None:
    assert load("smollm2-135m") is smollm
    assert smollm.description == {
        "type": "LanguageModel",
        "model": "smollm2-135m",
        "revision": smollm.revision,
        "dtype": "float32",
    }
    assert (smollm.max_batch, load("tiny-stories-judge").max_batch) == (32, 256)
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


@pytest.fixture
def foreign(tiny: LanguageModel, tmp_path: Path) -> Path:
    """A model folder, with a GGUF file in it, that asks for its own code to be run; the code writes a file ``ran``."""
    folder = tmp_path / "foreign"
    tiny.model.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    (folder / "value_head.safetensors").touch()
    head = GGUFWriter(folder / "m.gguf", "llama")
    head.write_header_to_file()
    head.write_kv_data_to_file()
    head.close()
    (folder / "own.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast\n"
        f"open({str(folder / 'ran')!r}, 'w').close()\n"
        "class Config(LlamaConfig): model_type = 'foreign'\n"
        "class Model(LlamaForCausalLM): config_class = Config\n"
        "class Tokenizer(PreTrainedTokenizerFast): pass\n"
    )
    own = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model", "AutoTokenizer": ["own.Tokenizer"] * 2}
    for name, change in {
        "config.json": {"model_type": "foreign"},
        "tokenizer_config.json": {"tokenizer_class": "Foreign"},
    }.items():
        plain = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**plain, **change, "auto_map": own}))
    return folder


@pytest.mark.parametrize("loader", LOADERS)
def test_code_that_comes_with_a_model_is_not_run_even_if_a_pipe_says_yes(
    loader: str, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        LOADERS[loader](foreign)
    assert not (foreign / "ran").exists()


def test_code_that_comes_with_a_model_is_run_for_who_trusts_it(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    assert type(load(str(foreign), trust_remote_code=True).model).__name__ == "Model"
    assert (foreign / "ran").exists()


def test_a_folder_that_was_written_anew_is_loaded_anew(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(weights_folder("stories-judge"), folder)
    first = load(str(folder))
    assert load(str(folder)) is first
    policy = TextPolicy(first)
    with torch.no_grad():
        next(iter(policy.lm.model.parameters())).add_(0.5)
    policy.lm.model.save_pretrained(folder)
    second = load(str(folder))
    assert second is not first
    assert second.fingerprint != first.fingerprint


def test_unloaded_models_are_gone_once_nobody_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", {})  # other tests hold theirs
    kept = load("tiny-stories-judge")
    assert load("tiny-stories-judge") is kept
    gone = weakref.ref(kept.model)
    unload()
    assert load("tiny-stories-judge") is not kept
    del kept
    gc.collect()
    assert gone() is None


def test_a_name_says_its_dtype(tiny: LanguageModel, tokenizer: Any, tmp_path: Path) -> None:
    save_folder(tmp_path, tiny.model, tokenizer)
    plain, half = load(str(tmp_path)), load(f"{tmp_path}?dtype=bfloat16")
    assert (plain.description["dtype"], half.description["dtype"]) == ("float32", "bfloat16")
    assert half.model is load(str(tmp_path), dtype="bfloat16").model
    assert plain.fingerprint != half.fingerprint
    for wrong in ("int8", "half a byte"):
        with pytest.raises(ValueError, match=f"dtype='{wrong}': give 'float32'"):
            load(str(tmp_path), dtype=wrong)
