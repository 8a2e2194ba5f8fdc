"""A language model as the games use it: prompts in, completions and label probabilities out.

Results depend on the request alone (prompt, seed, settings), never on what else is in the batch, on its order or on
what was read before: only floating-point rounding may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from oversight_envs.core.checks import at_least
from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.models.engine import Ability
from oversight_envs.models.hf.batch_plan import plan, shared_lengths
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.forward import Batch, Reader
from oversight_envs.models.hf.packed import dtype_name, packed
from oversight_envs.models.hf.prefixes import Ids
from oversight_envs.models.hf.sampling import draw, log_softmax
from oversight_envs.models.hf.template import describe_options
from oversight_envs.models.requests import (
    Completion,
    Generation,
    LabelReading,
    NonFiniteLogits,
    PromptOrIds,
    PromptTooLong,
)


class LanguageModel:
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
        self.max_batch, self.max_batch_tokens = max_batch, max_batch_tokens
        ends = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        end_ids = ends if isinstance(ends, list) else [ends]
        self.template_options = dict(template_options or {})
        self.chat = ChatEncoder(tokenizer, self.name, end_ids=end_ids, template_options=template_options)
        self._reader = Reader(model, prefix_tokens=prefix_tokens, cache=cache)

    @property
    def can(self) -> frozenset[Ability]:
        able: set[Ability] = {"label_log_probs", "token_ids"}
        return frozenset(able if packed(self.model) else able | {"training"})

    @property
    def vocabulary_size(self) -> int:
        """How many token ids the model knows; its tokenizer may have fewer."""
        size: int = self.model.config.get_text_config().vocab_size
        return size

    @property
    def description(self) -> dict[str, Any]:
        """What the record keeps of it."""
        dtype = dtype_name(self.model)
        described = {"type": "LanguageModel", "model": self.name, "revision": self.revision, "dtype": dtype}
        return described | describe_options(self.template_options)

    @property
    def thinks(self) -> bool:
        """Whether it may think before it speaks, as its chat template tells."""
        return self.chat.template.thinks

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: weights, vocabulary, template and settings, without what it has cached."""
        return fingerprint((self.model, self.chat, self.context_length, self.description))

    def __repr__(self) -> str:
        return f"LanguageModel({self.name!r})"

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a conversation, ready for the model's reply (see ``ChatEncoder.encode``)."""
        return self.chat.encode(prompt)

    def encode_text(self, text: str) -> list[int]:
        """The ids of ordinary text (see ``ChatEncoder.encode_text``)."""
        return self.chat.encode_text(text)

    def encode_own(self, text: str) -> list[int]:
        """The ids of what the chat template would write (see ``ChatEncoder.encode_own``)."""
        return self.chat.encode_own(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, control tokens included."""
        return self.chat.decode(ids)

    def written(self, prompt: PromptOrIds, ids: Sequence[int]) -> str:
        """The text that drawn ``ids`` stand for, without the end token.

        Where the template opened a thinking block it begins with that: else thinking could not be told from speech.
        """
        chat = len(prompt) > 0 and isinstance(prompt[0], Message)
        opened = self.chat.thinking_opened(prompt) if chat else ""  # type: ignore[arg-type]
        return opened + self.chat.decode(self.chat.without_end(ids))

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
                log_probs = log_softmax(batch.logits).gather(-1, label_ids)
                masses = log_probs.logsumexp(dim=-1)
                if not torch.isfinite(log_probs).all():
                    raise NonFiniteLogits(f"model {self.name!r} rules out a label of {list(labels)!r} (logit -inf)")
                normalised = (log_probs - masses[:, None]).tolist()
                for i, row, mass in zip(indices, normalised, masses.exp().tolist(), strict=True):
                    readings[i] = LabelReading(tuple(row), mass)
        return [readings[i] for i in range(len(prompts))]

    def label_prompt(self, prompt: Prompt, labels: Sequence[str]) -> tuple[list[int], list[int]]:
        """The ids after which a label is read, and each label's token there (see ``ChatEncoder.label_prompt``)."""
        return self.chat.label_prompt(prompt, labels)

    def label_ids(self, labels: Sequence[str]) -> list[int]:
        """The token of each label where a reply begins; raises ValueError unless each is a single token of its own."""
        return self.label_prompt((Message("user", "?"),), labels)[1]

    def _label_prompt(self, prompt: PromptOrIds, labels: Sequence[str]) -> tuple[Sequence[int], list[int]]:
        if len(prompt) and isinstance(prompt[0], Message):
            return self.label_prompt(prompt, labels)  # type: ignore[arg-type]  # as in _ids
        return prompt, self.label_ids(labels)  # type: ignore[return-value]

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

    def _encoded(self, prompts: Sequence[PromptOrIds], new_tokens: Sequence[int]) -> list[Ids]:
        encoded = [_ids(self, prompt) for prompt in prompts]
        for ids, new in zip(encoded, new_tokens, strict=True):
            if len(ids) + new > self.context_length:
                raise PromptTooLong(
                    f"a prompt of {len(ids):,} tokens and {new:,} new ones exceed the {self.context_length:,} that "
                    f"model {self.name!r} can read; cut the passage (fit_passage) or lower max_new_tokens"
                )
        return encoded

    def _read(
        self, prompts: Sequence[Ids], new_tokens: Sequence[int], max_rows: int
    ) -> Iterator[tuple[list[int], Batch]]:
        """Batches of read prompts, with one row for each index, in whatever order is cheap."""
        shared = shared_lengths(prompts)
        batches = plan(prompts, new_tokens, max_rows=max_rows, max_tokens=self.max_batch_tokens)
        # A call that would fill the prefix cache with its own prompts keeps only what they share.
        keep_all = 2 * sum(map(len, shared)) <= self._reader.prefixes.max_tokens
        for number, indices in enumerate(batches):
            unique = list(dict.fromkeys(prompts[i] for i in indices))
            following = prompts[batches[number + 1][0]] if number + 1 < len(batches) else None
            kept = [keep_all or ids == following for ids in unique]
            room = max(new_tokens[i] for i in indices)
            repeats = len(unique) < len(indices)
            batch = self._reader.read(unique, [shared[ids] for ids in unique], kept, 0 if repeats else room)
            if repeats:  # a prompt asked for several times is read once
                row_of = {ids: row for row, ids in enumerate(unique)}
                batch = batch.select([row_of[prompts[i]] for i in indices], room)
            yield indices, batch

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


def _ids(lm: LanguageModel, prompt: PromptOrIds) -> Ids:
    if len(prompt) == 0:
        raise ValueError("the prompt is empty: give at least one message or token")
    if isinstance(prompt[0], Message):
        return tuple(lm.encode(prompt))  # type: ignore[arg-type]  # the first element tells which of the two it is
    return tuple(prompt)  # type: ignore[arg-type]


def _context_length(model: Any, name: str) -> int:
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(length, int):
        raise ValueError(f"model {name!r}: its config does not say how much it can read; pass context_length")
    return length
