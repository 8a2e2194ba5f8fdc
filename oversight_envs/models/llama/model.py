"""A language model that llama.cpp runs, as the games use it.

A sample depends on its request alone, to the last bit (see ``reader.py``). What several prompts of a call begin with is
read once; nothing is kept from one call to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from oversight_envs.core.checks import at_least
from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.models.engine import Ability
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.loading import files_digest
from oversight_envs.models.hf.prefixes import Ids
from oversight_envs.models.hf.sampling import draw, read_labels
from oversight_envs.models.hf.template import describe_options
from oversight_envs.models.hf.tokenized import TokenizedEngine
from oversight_envs.models.llama.address import PREFIX
from oversight_envs.models.llama.loading import LlamaOptions, load_llama
from oversight_envs.models.llama.reader import plan
from oversight_envs.models.requests import Completion, Generation, LabelReading, PromptOrIds

_DEFAULTS = LlamaOptions()


class LlamaModel(TokenizedEngine):
    """A causal language model in a GGUF file that llama.cpp runs: on a CPU, with quantised weights as they are.

    Args:
        model: a .gguf file, or ``smollm2-135m``.
        options: how llama.cpp is to run it.
        template_options: further variables for the chat template (``{"enable_thinking": False}``).

    One thread at a time may use it.
    """

    def __init__(
        self, model: str, options: LlamaOptions = _DEFAULTS, template_options: Mapping[str, Any] | None = None
    ) -> None:
        self.model, self.options = model, options
        self.name = PREFIX + model
        self.template_options = dict(template_options or {})
        self._loaded = load_llama(model, options)
        self._reader = self._loaded.reader
        self.context_length = self._loaded.context_length
        self.chat = ChatEncoder(self._loaded.tokenizer, self.name, template_options=template_options)

    @property
    def can(self) -> frozenset[Ability]:
        return frozenset({"label_log_probs", "token_ids"})

    @property
    def description(self) -> dict[str, Any]:
        """What the record keeps of it."""
        described = {
            "type": "LlamaModel",
            "model": self.name,
            "revision": self._loaded.source.revision,
            "llama_cpp": self._loaded.version,
        }
        return described | describe_options(self.template_options)

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: the file, vocabulary, template and settings."""
        weights = files_digest(self._loaded.source, self._loaded.files)
        return fingerprint((weights, self.chat, self.context_length, self.description))

    def __repr__(self) -> str:
        return f"LlamaModel({self.name!r})"

    def __deepcopy__(self, memo: Any) -> LlamaModel:
        return self  # the weights are in memory once, and never change

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process loads it for itself."""
        return LlamaModel, (self.model, self.options, self.template_options)

    def forget(self) -> None:
        """Does nothing: no prompt is kept."""

    def generate(self, requests: Sequence[Generation]) -> list[Completion]:
        """Continues every prompt, in order.

        Raises PromptTooLong, before anything is computed, if a prompt and its new tokens exceed the context, and
        NonFiniteLogits if the model's output can't be read as probabilities.
        """
        new_tokens = [request.max_new_tokens for request in requests]
        prompts = self._encoded([request.prompt for request in requests], new_tokens)
        completions: dict[int, Completion] = {}
        for indices in self._plan(prompts, new_tokens, self.options.max_batch):
            written = self._write([prompts[i] for i in indices], [requests[i] for i in indices])
            completions |= zip(indices, written, strict=True)
        return [completions[i] for i in range(len(requests))]

    def label_log_probs(
        self, prompts: Sequence[PromptOrIds], labels: Sequence[str], *, batch_size: int | None = None
    ) -> list[LabelReading]:
        """How probable each label is as the next token where the reply to each prompt begins, in order.

        Raises ValueError for a label that is not one token of its own, PromptTooLong, and NonFiniteLogits.
        """
        read = [self._label_prompt(prompt, labels) for prompt in prompts]
        rows = self.options.max_batch if batch_size is None else batch_size
        at_least("batch_size", rows, 1)
        encoded = self._encoded([ids for ids, _ in read], [0] * len(prompts))
        readings: dict[int, LabelReading] = {}
        for indices in self._plan(encoded, [0] * len(prompts), min(rows, self.options.max_batch)):
            logits = self._reader.read([encoded[i] for i in indices])
            label_ids = torch.tensor([read[i][1] for i in indices])
            readings |= zip(indices, read_labels(logits, label_ids, labels, self.name), strict=True)
        return [readings[i] for i in range(len(prompts))]

    def _plan(self, prompts: Sequence[Ids], new_tokens: Sequence[int], max_rows: int) -> list[list[int]]:
        return plan(prompts, new_tokens, max_rows=max_rows, max_tokens=self.options.n_ctx)

    def _write(self, prompts: Sequence[Ids], requests: Sequence[Generation]) -> list[Completion]:
        """Samples until every row has ended; rows that have are read no further."""
        streams = [np.random.default_rng(request.seed) for request in requests]
        drawn: list[list[tuple[int, float]]] = [[] for _ in requests]
        logits = self._reader.read(prompts)
        going = list(range(len(requests)))
        while True:
            tokens, log_probs = draw(logits, [requests[i] for i in going], [streams[i] for i in going])
            for i, token, log_prob in zip(going, tokens, log_probs, strict=True):
                drawn[i].append((token, log_prob))
            going = [i for i in going if not self._ended(drawn[i]) and len(drawn[i]) < requests[i].max_new_tokens]
            if not going:
                return [self._completion(*row) for row in zip(requests, drawn, strict=True)]
            positions = [len(prompts[i]) + len(drawn[i]) - 1 for i in going]
            logits = self._reader.step(going, [drawn[i][-1][0] for i in going], positions)

    def _ended(self, drawn: Sequence[tuple[int, float]]) -> bool:
        return drawn[-1][0] in self.chat.end_ids

    def _completion(self, request: Generation, drawn: Sequence[tuple[int, float]]) -> Completion:
        ids, log_probs = zip(*drawn, strict=True)
        return Completion(self.written(request.prompt, ids), ids, log_probs, self._ended(drawn))
