"""Chat messages to token ids, such that control tokens stand only where the chat template put them.

What players write is untrusted: ``<|im_end|>\\n<|im_start|>assistant`` in a speech must be read as these characters and
never as the end of the speech. So the template is rendered around placeholders, its own text is tokenised with control
tokens, and every content is tokenised apart, as ordinary text. This also fixes the seams between tokens: a conversation
that grows by messages grows by ids, and its beginning, already read by the model, need not be read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.core.prompt import Message, Prompt

Frame = list[int | tuple[int, ...]]
"""A rendered template: ids of its own text (tuples), and places for contents (message numbers)."""

# Templates that print today's date would give another prompt tomorrow; those that know this option print it instead.
_DATE = "26 Jul 2024"


class ChatEncoder:
    """Encodes prompts for one tokenizer.

    Args:
        tokenizer: a Hugging Face tokenizer.
        name: the model's name, for error messages.
        end_ids: ids that end a turn, beside the tokenizer's own and the template's.
        template_options: further variables for the chat template (``{"enable_thinking": False}``).
    """

    def __init__(
        self,
        tokenizer: Any,
        name: str,
        *,
        end_ids: Sequence[int | None] = (),
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._name = name
        self._options = {"date_string": _DATE, **(template_options or {})}
        self._frames: dict[tuple[tuple[str, ...], bool], Frame] = {}
        # Blank tokens (Gemma's runs of newlines) are added tokens too, but ordinary text.
        added = {index: str(token) for index, token in tokenizer.added_tokens_decoder.items() if str(token).strip()}
        control = {*added, *tokenizer.all_special_ids}
        if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in self._tokenise("\U000f1234\ue123"):
            control.discard(tokenizer.unk_token_id)  # this tokenizer writes it for any unknown word
        self.control_ids = frozenset(control)
        """Ids that text must never be encoded to."""
        strings = {*added.values(), *tokenizer.all_special_tokens}
        self._control = re.compile("(?=" + "|".join(map(re.escape, sorted(strings))) + ")", re.IGNORECASE)
        closing = self._closing_id() if tokenizer.chat_template else None
        ends = (*end_ids, tokenizer.eos_token_id, closing)
        self.end_ids = frozenset(token for token in ends if token is not None)
        """Ids that end a turn."""

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: vocabulary, template and options."""
        tokenizer = self._tokenizer
        return fingerprint((tokenizer.get_vocab(), tokenizer.chat_template, self._options))

    def encode(self, prompt: Prompt, *, closed: bool = False) -> list[int]:
        """The ids of a conversation.

        It ends where the assistant is to speak; or, when its last message is the assistant's, inside that message, to
        be continued; or, with ``closed``, after its last message. Assistant messages that carry the ids that the model
        drew are encoded as these ids. A system message that the template has no place for opens the first user message.

        Raises ValueError for an empty prompt, and where there is no chat template or it refuses the messages.
        """
        if not prompt:
            raise ValueError("the prompt is empty: give at least one message")
        if prompt[0].role == "system" and not self._takes_system():
            prompt = _merge_system(prompt)
        ids: list[int] = []
        for part in self._frame(tuple(message.role for message in prompt), closed):
            ids.extend(self._content_ids(prompt[part]) if isinstance(part, int) else part)
        return ids

    def encode_text(self, text: str) -> list[int]:
        """The ids of ordinary text: whatever it spells, no control token is among them."""
        ids = self._tokenise(text)
        if self.control_ids.isdisjoint(ids):
            return ids
        # Some tokenizers find control tokens in text whatever they are told: cut each one after its first character.
        starts = [match.start() + 1 for match in self._control.finditer(text)]
        pieces = [text[i:j] for i, j in zip([0, *starts], [*starts, len(text)], strict=True)]
        ids = [token for piece in pieces for token in self._tokenise(piece)]
        if not self.control_ids.isdisjoint(ids):
            ids = [token for character in text for token in self._tokenise(character)]
        found = self.control_ids.intersection(ids)
        if found:
            raise ValueError(
                f"model {self._name!r}: its tokenizer reads ordinary text as control token "
                f"{self.decode([min(found)])!r}; use a tokenizer that honours split_special_tokens"
            )
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, control tokens included."""
        text = self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def without_end(self, ids: Sequence[int]) -> Sequence[int]:
        """``ids`` without the end token, if one is last."""
        return ids[:-1] if ids and ids[-1] in self.end_ids else ids

    def _content_ids(self, message: Message) -> list[int]:
        if message.role == "assistant" and message.token_ids:
            # Only a hint, and maybe another model's: taken when it says the same in this model's tokens.
            drawn = list(self.without_end(message.token_ids))
            in_range = all(0 <= token < len(self._tokenizer) for token in drawn)
            if in_range and self.control_ids.isdisjoint(drawn) and self.decode(drawn) == message.content:
                return drawn
        return self.encode_text(message.content)

    def _tokenise(self, text: str, *, control: bool = False) -> list[int]:
        text = text.encode("utf-8", "replace").decode("utf-8")  # tokenizers fail on lone surrogates
        encoding = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=not control, return_attention_mask=False, verbose=False
        )
        return list(encoding["input_ids"])

    def _frame(self, roles: tuple[str, ...], closed: bool) -> Frame:
        if (roles, closed) not in self._frames:
            try:
                text = self._render(roles, closed)
            except TemplateError as error:
                raise ValueError(
                    f"model {self._name!r}: its chat template refused the roles {', '.join(roles)}: {error}"
                ) from None
            parts = re.split(_placeholder(r"(\d+)"), text)
            slots = [int(slot) for slot in parts[1::2]]
            if sorted(slots) != list(range(len(roles))):
                raise ValueError(
                    f"model {self._name!r}: its chat template drops or repeats messages with the roles "
                    f"{', '.join(roles)}; give the tokenizer a chat_template that shows each message once"
                )
            frame: Frame = [tuple(self._tokenise(parts[0], control=True))]
            for slot, own_text in zip(slots, parts[2::2], strict=True):
                frame += [slot, tuple(self._tokenise(own_text, control=True))]
            self._frames[roles, closed] = frame
        return self._frames[roles, closed]

    def _render(self, roles: Sequence[str], closed: bool) -> str:
        if not self._tokenizer.chat_template:
            raise ValueError(
                f"model {self._name!r} has no chat template: use an instruction-tuned model, or set "
                "tokenizer.chat_template and build LanguageModel(model, tokenizer)"
            )
        messages = [{"role": role, "content": _placeholder(str(i))} for i, role in enumerate(roles)]
        unfinished = roles[-1] == "assistant" and not closed
        text = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=not closed and not unfinished, **self._options
        )
        assert isinstance(text, str)
        last = _placeholder(str(len(roles) - 1))
        return text[: text.rindex(last) + len(last)] if unfinished and last in text else text

    def _takes_system(self) -> bool:
        if not self._tokenizer.chat_template:
            return True  # it is this that is to be reported
        try:
            self._frame(("system", "user"), False)
        except ValueError:  # some templates refuse system messages, some drop them
            return False
        return True

    def _closing_id(self) -> int | None:
        """The control token with which the template ends an assistant message."""
        try:
            tail = self._frame(("user", "assistant"), True)[-1]
        except ValueError:
            return None
        assert isinstance(tail, tuple)
        return next((token for token in tail if token in self.control_ids), None)


def _placeholder(number: str) -> str:
    # plain letters: templates trim and search contents, and must find nothing to change here
    return f"MESSAGE{number}CONTENT"


def _merge_system(prompt: Prompt) -> Prompt:
    system, rest = prompt[0], prompt[1:]
    if rest and rest[0].role == "user":
        return (Message("user", f"{system.content}\n\n{rest[0].content}"), *rest[1:])
    return (Message("user", system.content), *rest)
