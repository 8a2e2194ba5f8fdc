"""A stand-in for the package vllm, for machines that can't run it: the part of its interface that is used, no more.

Names, arguments and what they mean are those of vLLM 0.33 (``LLM``, ``SamplingParams``, ``TokensPrompt``, outputs); the
computing is transformers', one plain forward pass a token. ``tests/models/vllm`` runs against the real package instead,
where it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TypedDict

import torch
from transformers import AutoModelForCausalLM


class TokensPrompt(TypedDict):
    prompt_token_ids: list[int]


@dataclass(kw_only=True)
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    logprobs: int | None = None
    logprob_token_ids: list[int] | None = None
    detokenize: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature must be in [0, 2], got {self.temperature}.")
        if self.logprob_token_ids is not None and self.logprobs not in (None, len(self.logprob_token_ids)):
            raise ValueError("logprobs must equal len(logprob_token_ids)")
        if self.seed is not None and not -(2**63) <= self.seed < 2**63:
            raise OverflowError(f"seed={self.seed} is no int64")
        if self.temperature == 0:
            self.top_p, self.top_k = 1.0, 0


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


class LLM:
    """``made`` counts how many there are: a model has to be in memory once."""

    made = 0

    def __init__(
        self,
        model: str,
        *,
        tensor_parallel_size: int = 1,
        dtype: str = "auto",
        revision: str | None = None,
        tokenizer_revision: str | None = None,
        gpu_memory_utilization: float = 0.92,
        max_model_len: int | None = None,
        enable_prefix_caching: bool | None = None,
        logprobs_mode: str = "raw_logprobs",
    ) -> None:
        LLM.made += 1
        if gpu_memory_utilization < 0.01:
            raise ValueError("No available memory for the cache blocks.")
        assert enable_prefix_caching
        self._lm = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self._processed = logprobs_mode == "processed_logprobs"
        length = max_model_len or self._lm.config.max_position_embeddings
        self.model_config = SimpleNamespace(max_model_len=length, dtype=torch.float32)

    def generate(
        self, prompts: Sequence[TokensPrompt], sampling_params: Sequence[SamplingParams], *, use_tqdm: bool = True
    ) -> list[Any]:
        assert len(prompts) == len(sampling_params) > 0
        outputs = [self._output(prompt, params) for prompt, params in zip(prompts, sampling_params, strict=True)]
        return [SimpleNamespace(outputs=[output]) for output in outputs]

    def reset_prefix_cache(self) -> bool:
        return True

    def _output(self, prompt: TokensPrompt, params: SamplingParams) -> Any:
        assert set(prompt) == {"prompt_token_ids"}
        assert not params.detokenize
        assert params.ignore_eos or params.max_tokens == 1
        ids = list(prompt["prompt_token_ids"])
        assert len(ids) < self.model_config.max_model_len
        generator = torch.Generator().manual_seed(params.seed or 0)
        drawn: list[int] = []
        steps: list[dict[int, Logprob]] = []
        reason = "length"
        while len(drawn) < (params.max_tokens or 16) and reason == "length":
            with torch.inference_mode():
                raw = self._lm(torch.tensor([ids + drawn])).logits[0, -1].float()
            logits = _cut(raw / (params.temperature or 1.0), params)
            if params.temperature == 0:
                token = int(logits.argmax())
            else:
                noise = torch.empty_like(logits).exponential_(generator=generator)
                token = int((logits.softmax(-1) / noise).argmax())
            shown = (logits if self._processed else raw).log_softmax(-1)
            if params.logprobs is not None:
                asked = params.logprob_token_ids or shown.topk(params.logprobs).indices.tolist()
                steps.append({t: Logprob(float(shown[t])) for t in (token, *asked)})
            drawn.append(token)
            if token in (params.stop_token_ids or ()):
                reason = "stop"
        return SimpleNamespace(
            index=0, text="", token_ids=drawn, logprobs=steps if params.logprobs is not None else None,
            finish_reason=reason,
        )  # fmt: skip


def _cut(logits: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    values, order = logits.sort(descending=True)
    probs = values.softmax(-1)
    dropped = probs.cumsum(-1) - probs >= params.top_p
    if params.top_k:
        dropped[params.top_k :] = True
    return logits.index_fill(0, order[dropped], -torch.inf)


def install(monkeypatch: Any) -> ModuleType:
    """Makes ``import vllm`` give this, on a machine where a GPU seems to be."""
    package, platforms = ModuleType("vllm"), ModuleType("vllm.platforms")
    package.LLM, package.SamplingParams, package.TokensPrompt = LLM, SamplingParams, TokensPrompt  # type: ignore[attr-defined]
    package.__version__ = "0.33.0"  # type: ignore[attr-defined]
    package.__path__ = [str(Path(__file__).parent)]
    platforms.current_platform = SimpleNamespace(device_type="cuda")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.platforms", platforms)
    return package
