"""A language model as the games use it: prompts in, completions and label probabilities out.

Results depend on the request alone (prompt, seed, settings), never on what else is in the batch, on its order or on
what was read before: only floating-point rounding may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from oversight_envs.core.checks import at_least
from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.models.engine import Ability
from oversight_envs.models.hf.batch_plan import plan, shared_lengths
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.forward import Batch, Reader, weight_versions
from oversight_envs.models.hf.prefixes import Ids
from oversight_envs.models.hf.sampling import draw, read_labels
from oversight_envs.models.hf.template import describe_options
from oversight_envs.models.hf.tokenized import TokenizedEngine
from oversight_envs.models.requests import (
    Completion,
    Generation,
    LabelReading,
    PromptOrIds,
)


class LanguageModel(TokenizedEngine):
    """A causal language model and its tokenizer.

    Args:
        model: a Hugging Face causal language model (or one that is called the same way), on whatever device it is.
        tokenizer: its tokenizer, with a chat template.
        name: what to call it in records and errors; its own ``name_or_path`` by default.
        revision: which version it is, for the record.
        context_length: the most tokens it can read and write; from its config by default.
        max_batch: the most rows in one forward pass.
        max_batch_tokens: the most tokens, padding included, that one batch holds: this bounds memory.
        prefix_tokens: how many tokens of earlier prompts are kept, so that what prompts share is read once.
        cache: False for a model without a key-value cache.
        template_options: further variables for the chat template (``{"enable_thinking": False}``; for the date that a
            template prints see ``hf.template.PINNED_DATE``).

    Training the model in place is noticed; after changes that PyTorch does not count, call ``forget()``. One thread at
    a time may use it.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str | None = None,
        revision: str | None = None,
        context_length: int | None = None,
        max_batch: int = 32,
        max_batch_tokens: int = 32_768,
        prefix_tokens: int = 32_768,
        cache: bool = True,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        at_least("max_batch", max_batch, 1)
        at_least("max_batch_tokens", max_batch_tokens, 1)
        at_least("prefix_tokens", prefix_tokens, 0)
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name or getattr(model, "name_or_path", "") or type(model).__name__
        self.revision = revision
        self.context_length = context_length or _context_length(model, self.name)
        at_least("context_length", self.context_length, 1)
        self.max_batch, self.max_batch_tokens, self.prefix_tokens = max_batch, max_batch_tokens, prefix_tokens
        ends = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        end_ids = ends if isinstance(ends, list) else [ends]
        self.template_options = dict(template_options or {})
        self.chat = ChatEncoder(tokenizer, self.name, end_ids=end_ids, template_options=template_options)
        self._reader = Reader(model, prefix_tokens=prefix_tokens, cache=cache)
        self._loaded: tuple[Callable[[], LanguageModel], tuple[int, ...]] | None = None

    @property
    def can(self) -> frozenset[Ability]:
        return frozenset({"label_log_probs", "token_ids", "training"})

    @property
    def vocabulary_size(self) -> int:
        """How many token ids the model knows; its tokenizer may have fewer."""
        size: int = self.model.config.get_text_config().vocab_size
        return size

    @property
    def description(self) -> dict[str, Any]:
        """What the record keeps of it."""
        dtype = str(next(self.model.parameters()).dtype).removeprefix("torch.")
        described = {"type": "LanguageModel", "model": self.name, "revision": self.revision, "dtype": dtype}
        return described | describe_options(self.template_options)

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: weights, vocabulary, template and settings, without what it has cached."""
        return fingerprint((self.model, self.chat, self.context_length, self.description))

    @property
    def remake(self) -> Callable[[], LanguageModel] | None:
        """What loads it again, in another process too; None where nothing does, as for weights that were trained."""
        make, weights = self._loaded or (None, None)
        return make if weights == weight_versions(self.model) else None

    def loaded_by(self, make: Callable[[], LanguageModel]) -> LanguageModel:
        """Itself, after it has been told what loads it."""
        self._loaded = make, weight_versions(self.model)
        return self

    def __repr__(self) -> str:
        return f"LanguageModel({self.name!r})"

    def copy(self) -> LanguageModel:
        """An engine with weights of its own: ``load`` gives everyone the same, and training changes them in place."""
        self.forget()
        return deepcopy(self, {id(self.tokenizer): self.tokenizer})  # the tokenizer is never changed, so it is shared

    def forget(self) -> None:
        """Drops what was kept of earlier prompts."""
        self._reader.prefixes.clear()

    def generate(self, requests: Sequence[Generation]) -> list[Completion]:
        """Continues every prompt, in order.

        Raises PromptTooLong, before anything is computed, if a prompt and its new tokens exceed the context, and
        NonFiniteLogits if the model's output can't be read as probabilities.
        """
        prompts = self._encoded([request.prompt for request in requests], [r.max_new_tokens for r in requests])
        completions: dict[int, Completion] = {}
        with self._ready():
            for indices, batch in self._read(prompts, [r.max_new_tokens for r in requests], self.max_batch):
                completions |= zip(indices, self._decode(batch, [requests[i] for i in indices]), strict=True)
        return [completions[i] for i in range(len(requests))]

    def label_log_probs(
        self, prompts: Sequence[PromptOrIds], labels: Sequence[str], *, batch_size: int | None = None
    ) -> list[LabelReading]:
        """How probable each label is as the next token where the reply to each prompt begins, in order.

        That is after a thinking block that the template opens was closed. One forward pass for a batch.

        Raises ValueError for a label that is not one token of its own, PromptTooLong, and NonFiniteLogits.
        """
        read = [self._label_prompt(prompt, labels) for prompt in prompts]
        rows = self.max_batch if batch_size is None else batch_size
        at_least("batch_size", rows, 1)
        readings: dict[int, LabelReading] = {}
        encoded = self._encoded([ids for ids, _ in read], [0] * len(prompts))
        with self._ready():
            for indices, batch in self._read(encoded, [0] * len(prompts), rows):
                label_ids = torch.tensor([read[i][1] for i in indices], device=batch.logits.device)
                readings |= zip(indices, read_labels(batch.logits, label_ids, labels, self.name), strict=True)
        return [readings[i] for i in range(len(prompts))]

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Inference mode, without dropout even amid training, and without readings by weights that have changed."""
        was_training = self.model.training
        self._reader.forget_if_changed()
        self.model.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            self.model.train(was_training)

    def _read(
        self, prompts: Sequence[Ids], new_tokens: Sequence[int], max_rows: int
    ) -> Iterator[tuple[list[int], Batch]]:
        """Batches of read prompts, with one row for each index, in whatever order is cheap."""
        reader = self._reader
        shared = shared_lengths(prompts) if reader.prefixes.max_tokens else [0] * len(prompts)
        limits = {"max_rows": max_rows, "max_tokens": self.max_batch_tokens, "max_held": reader.prefixes.max_tokens}
        held = [reader.held(length) for length in shared]
        # A call that would fill the prefix cache with its own prompts keeps only what they share.
        keep = 2 * sum(map(len, set(prompts))) <= reader.prefixes.max_tokens
        for indices in plan(prompts, new_tokens, held, **limits):
            room = max(new_tokens[i] for i in indices)
            yield indices, reader.read([prompts[i] for i in indices], [shared[i] for i in indices], room, keep=keep)

    def _decode(self, batch: Batch, requests: list[Generation]) -> list[Completion]:
        """Samples until every row has ended. Rows that have are dropped once they are half of the batch.

        Until then they run along unread, though never past the context: learned positions end there.
        """
        streams = [np.random.default_rng(request.seed) for request in requests]
        drawn: list[list[tuple[int, float]]] = [[] for _ in requests]
        finished = [False] * len(requests)
        active = list(range(len(requests)))  # the request in each row of the batch
        while True:
            tokens, log_probs = draw(batch.logits, [requests[i] for i in active], [streams[i] for i in active])
            for i, token, log_prob in zip(active, tokens, log_probs, strict=True):
                if not finished[i] and len(drawn[i]) < requests[i].max_new_tokens:
                    drawn[i].append((token, log_prob))
                    finished[i] = token in self.chat.end_ids
            going = [r for r, i in enumerate(active) if not finished[i] and len(drawn[i]) < requests[i].max_new_tokens]
            if not going:
                return [self._completion(*row) for row in zip(requests, drawn, finished, strict=True)]
            full = any(len(row) >= self.context_length for row in batch.rows)
            if 2 * len(going) <= len(active) or full:
                room = max(requests[active[r]].max_new_tokens - len(drawn[active[r]]) for r in going)
                batch = batch.select(going, room)
                active, tokens = [active[r] for r in going], [tokens[r] for r in going]
            self._reader.step(batch, tokens)

    def _completion(self, request: Generation, drawn: list[tuple[int, float]], finished: bool) -> Completion:
        ids = tuple(token for token, _ in drawn)
        return Completion(self.written(request.prompt, ids), ids, tuple(log_prob for _, log_prob in drawn), finished)


def _context_length(model: Any, name: str) -> int:
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(length, int):
        raise ValueError(f"model {name!r}: its config does not say how much it can read; pass context_length")
    return length
