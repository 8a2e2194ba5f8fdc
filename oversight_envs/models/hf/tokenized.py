"""What every engine with a tokenizer in this process does with text, whoever computes: prompts to ids and back."""

from __future__ import annotations

from collections.abc import Sequence

from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.prefixes import Ids
from oversight_envs.models.requests import PromptOrIds, PromptTooLong


class TokenizedEngine:
    """The half of an engine that handles text (see ``models.Engine``); subclasses compute."""

    name: str
    context_length: int
    chat: ChatEncoder

    @property
    def thinks(self) -> bool:
        """Whether it may think before it speaks, as its chat template tells."""
        return self.chat.template.thinks

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

    def _encoded(self, prompts: Sequence[PromptOrIds], new_tokens: Sequence[int]) -> list[Ids]:
        """The ids of prompts. Raises PromptTooLong where they and as many new tokens exceed the context."""
        encoded = [self._ids(prompt) for prompt in prompts]
        for ids, new in zip(encoded, new_tokens, strict=True):
            if len(ids) + new > self.context_length:
                raise PromptTooLong(
                    f"a prompt of {len(ids):,} tokens and {new:,} new ones exceed the {self.context_length:,} that "
                    f"model {self.name!r} can read; cut the passage (fit_passage) or lower max_new_tokens"
                )
        return encoded

    def _ids(self, prompt: PromptOrIds) -> Ids:
        if len(prompt) == 0:
            raise ValueError("the prompt is empty: give at least one message or token")
        if isinstance(prompt[0], Message):
            return tuple(self.encode(prompt))  # type: ignore[arg-type]  # the first element tells which of the two it is
        return tuple(prompt)  # type: ignore[arg-type]
