"""GGUF files are read once; their converted copies are whole, current, and the same model."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter, TokenType

from oversight_envs._files import cache_folder
from oversight_envs.models.hf import loading
from oversight_envs.models.hf.converted import converted
from oversight_envs.models.hf.loading import _from_pretrained, resolve


def write_gguf(file: Path, seed: int = 0) -> Path:
    """A llama of one layer with a byte-level tokenizer of seven tokens."""
    rng, width = np.random.default_rng(seed), 32
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(16)
    writer.add_rope_freq_base(10000.0)
    tokens = ["<s>", "</s>", "a", "b", "c", "ab", "Ġ"]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * 2 + [TokenType.NORMAL] * 5)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    shapes = {"token_embd": (7, width), "output": (7, width), "output_norm": (width,)}
    shapes |= {f"blk.0.{name}": (width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    shapes |= {f"blk.0.{name}": (width, width) for name in ("ffn_gate", "ffn_up", "ffn_down")}
    shapes |= {"blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


def logits(file: Path) -> torch.Tensor:
    model, tokenizer = _from_pretrained(loading.AutoModelForCausalLM, resolve(str(file)), "cpu", None)
    assert not hasattr(model.config, "quantization_config")
    ids = tokenizer("ab abc").input_ids
    assert tokenizer.decode(ids) == "ab abc"
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits


def test_a_file_is_read_once_and_anew_when_it_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_gguf(tmp_path / "small.gguf")
    with monkeypatch.context() as patched:
        patched.setattr(loading, "converted", lambda file, convert: None)
        direct = logits(file)
    caplog.set_level(logging.INFO)
    assert torch.equal(logits(file), direct)
    assert "once: about half a minute" in caplog.text
    caplog.clear()
    assert torch.equal(logits(file), direct)
    assert not caplog.text
    write_gguf(file, seed=1)
    assert not torch.equal(logits(file), direct)
    assert len(list(cache.iterdir())) == 2


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "some.gguf"
    file.write_bytes(b"GGUF")

    def stopped(error: BaseException) -> None:
        def convert(folder: Path) -> None:
            (folder / "config.json").write_text("{}")
            raise error

        converted(file, convert)

    with pytest.raises(KeyboardInterrupt):
        stopped(KeyboardInterrupt())
    assert not list(cache.iterdir())
    for name, age in ("unfinished-killed", 2 * 24 * 3600), ("unfinished-busy", 60):
        (cache / name).mkdir()
        os.utime(cache / name, (time.time() - age,) * 2)
    stopped(OSError("No space left on device"))
    assert "No space left" in caplog.text
    assert [left.name for left in cache.iterdir()] == ["unfinished-busy"]


def test_two_processes_may_convert_at_once(tmp_path: Path) -> None:
    file = tmp_path / "some.gguf"
    file.write_bytes(b"GGUF")

    def slower(folder: Path) -> None:
        (folder / "who").write_text("slower")
        converted(file, lambda folder: (folder / "who").write_text("quicker") and None)

    folder = converted(file, slower)
    assert folder is not None
    assert (folder / "who").read_text() == "quicker"


def test_a_cache_that_can_not_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert logits(write_gguf(tmp_path / "small.gguf")).isfinite().all()
    assert "can't be kept converted" in caplog.text
