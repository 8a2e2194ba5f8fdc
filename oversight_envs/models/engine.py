"""The engine interface: all that players, judges and training need of a language model.

An engine continues prompts and says how probable labels are. What else it can do stands in ``can``, so that whoever
needs more says so at once instead of failing in the first episode. ``hf``, ``vllm`` and ``llama`` are the kinds that
run in this process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from oversight_envs.core.prompt import Prompt
from oversight_envs.models.requests import Completion, Generation, LabelReading, PromptOrIds

Ability = Literal["label_log_probs", "token_ids", "training"]
"""``label_log_probs``: probabilities of given labels. ``token_ids``: completions carry the ids and log-probabilities
that were drawn. ``training``: the weights are here, in ``model``."""


@runtime_checkable
class Engine(Protocol):
    """A language model as the games use it. Results depend on a request alone, never on what else is in the batch."""

    name: str
    """What it is called in records and errors."""
    context_length: int
    """The most tokens that it can read and write."""

    @property
    def can(self) -> frozenset[Ability]:
        """What it can do beside writing."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What the record keeps of it, as JSON values."""

    @property
    def thinks(self) -> bool:
        """Whether it may think before it speaks."""

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a conversation, ready for the model's reply."""

    def encode_text(self, text: str) -> list[int]:
        """The ids of ordinary text: whatever it spells, no control token is among them."""

    def encode_own(self, text: str) -> list[int]:
        """The ids of text as the chat template would write it: with control tokens."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""

    def written(self, prompt: PromptOrIds, ids: Sequence[int]) -> str:
        """What a model wrote by drawing ``ids``: a ``Completion``'s text."""

    def generate(self, requests: Sequence[Generation]) -> list[Completion]:
        """Continues every prompt, in order. Raises PromptTooLong before anything is computed."""

    def label_log_probs(
        self, prompts: Sequence[PromptOrIds], labels: Sequence[str], *, batch_size: int | None = None
    ) -> list[LabelReading]:
        """How probable each label is as the next token where the reply to each prompt begins, in order."""

    def label_prompt(self, prompt: Prompt, labels: Sequence[str]) -> tuple[list[int], list[int]]:
        """The ids after which a label is read, and each label's token there: found with the label in place."""

    def label_ids(self, labels: Sequence[str]) -> list[int]:
        """The token of each label where a reply begins; raises ValueError unless each is a token of its own."""

    def forget(self) -> None:
        """Drops what was kept of earlier prompts."""


@runtime_checkable
class TrainableEngine(Engine, Protocol):
    """An engine whose weights are in this process (``can`` has ``training``)."""

    model: Any
    """A causal language model as Hugging Face's are called; training changes it in place."""
    tokenizer: Any

    @property
    def vocabulary_size(self) -> int:
        """How many token ids the model knows."""

    def copy(self) -> TrainableEngine:
        """An engine with weights of its own."""
