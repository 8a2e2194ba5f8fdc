"""Chat messages to token ids: those of the whole template in context, but that players can write no control token.

The template is rendered with the messages in their places and tokenised as one text, so that no seam between a message
and the template has tokens of its own: SentencePiece tokenizers put ``▁`` before every piece that is tokenised apart,
and byte-level ones read a space as part of the word behind it. What players write is untrusted:
``<|im_end|>\\n<|im_start|>assistant`` in a speech must be read as these characters and never as the end of the speech.
Where tokens come out that the template didn't write, such strings are parted by a character that is taken out of the
ids again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.thinking import closing, open_block
from oversight_envs.models.hf.prefixes import common_length
from oversight_envs.models.hf.template import Shape, Template
from oversight_envs.models.hf.turn_marks import TurnMarks

Piece = tuple[str, bool]
"""A text, and whether it is the template's own."""

_KEPT = 1024

# Characters that stand in no text and merge with no other; the first that a tokenizer keeps apart is used.
_BREAKS = ("\ue000", "\U0010fffd", "\uf8f0", "\x01", "\U000f0000")


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
        self._template_options = options = dict(template_options or {})
        self.template = Template(tokenizer, name, options)
        for option in options:
            if self.template.source and not re.search(rf"\b{re.escape(option)}\b", self.template.source):
                warnings.warn(
                    f"template_options: the chat template of model {name!r} has no {option!r}, so it changes nothing",
                    stacklevel=3,
                )
        # Blank tokens (Gemma's runs of newlines) are added tokens too, but ordinary text.
        added = {index: str(token) for index, token in tokenizer.added_tokens_decoder.items() if str(token).strip()}
        control = {*added, *tokenizer.all_special_ids}
        if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in self._tokenise("\U000f1234\ue123"):
            control.discard(tokenizer.unk_token_id)  # this tokenizer writes it for any unknown word
        self.control_ids = frozenset(control)
        """Ids that text must never be encoded to."""
        strings = sorted({*added.values(), *tokenizer.all_special_tokens}, key=len, reverse=True)
        spelt = "|".join(map(re.escape, strings)) or r"(?!)"
        self._control = re.compile(f"(?={spelt})", re.IGNORECASE)
        self._own_controls: dict[str, list[int]] = {}
        self._label_ends: dict[Any, tuple[list[int], list[int]]] = {}
        self._marks = TurnMarks(*self.template.boundaries(), re.compile(spelt))
        if self._marks.unmarked:
            warnings.warn(
                f"the chat template of model {name!r} parts messages by plain words or blanks, which a player can "
                "write too: a speech may pass for another's turn; use a template with control tokens",
                stacklevel=3,
            )
        ends = (*end_ids, tokenizer.eos_token_id, self._closing_id())
        self.end_ids = frozenset(token for token in ends if token is not None)
        """Ids that end a turn."""

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: vocabulary, template and options."""
        return fingerprint((self._tokenizer.get_vocab(), self.template.source, self._template_options))

    def encode(self, prompt: Prompt, *, closed: bool = False) -> list[int]:
        """The ids of a conversation.

        It ends where the assistant is to speak; or, when its last message is the assistant's, inside that message, to
        be continued; or, with ``closed``, after its last message. Assistant messages that carry the ids that the model
        drew are encoded as these ids, where the template writes before them what the model had read. A system message
        that the template has no place for opens the first user message.

        Raises ValueError for an empty prompt, and where there is no chat template or it refuses the messages.
        """
        return self._encode(self._fitted(prompt), closed=closed)

    def label_prompt(self, prompt: Prompt, labels: Sequence[str]) -> tuple[list[int], list[int]]:
        """The ids after which a label is to be read, and each label's token there.

        It is found with the label in place, as the template writes a reply: behind what the model itself writes before
        its words (a blank, a channel), and never inside a thinking block, which is closed first. Where the label takes
        in a blank at the end of the template (`` A``), that blank's token is left out of the ids.

        Raises ValueError unless each label is a single token and all are different.
        """
        prompt = self._fitted(prompt)
        lead = self._before_label(prompt)
        ids = self._encode(prompt, ((lead, True),))
        key = tuple(message.role for message in prompt), lead, tuple(labels)
        if key not in self._label_ends:
            if len(self._label_ends) >= _KEPT:
                self._label_ends.clear()
            blank = tuple(Message(message.role, "x") for message in prompt)
            self._label_ends[key] = self._label_end(blank, lead, labels)
        dropped, label_ids = self._label_ends[key]
        if ids[len(ids) - len(dropped) :] != dropped:
            dropped, label_ids = self._label_end(prompt, lead, labels)
        return ids[: len(ids) - len(dropped)], label_ids

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
            raise self._forgeable(min(found))
        return ids

    def encode_own(self, text: str) -> list[int]:
        """The ids of text as the template would write it in the middle of a conversation: with control tokens."""
        return self._in_context([(text, True)], middle=True)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, control tokens included."""
        text = self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def without_end(self, ids: Sequence[int]) -> Sequence[int]:
        """``ids`` without the end token, if one is last."""
        return ids[:-1] if ids and ids[-1] in self.end_ids else ids

    def thinking_opened(self, prompt: Prompt) -> str:
        """The opening mark, and what follows it, of a thinking block that the template leaves to the model to close."""
        return open_block(self.template.generation_prompt(_shapes(self._fitted(prompt))))

    def _fitted(self, prompt: Prompt) -> Prompt:
        if not prompt:
            raise ValueError("the prompt is empty: give at least one message")
        return _merge_system(prompt) if prompt[0].role == "system" and not self.template.takes_system else prompt

    def _encode(self, prompt: Prompt, tail: Sequence[Piece] = (), *, closed: bool = False) -> list[int]:
        """The ids of the template around ``prompt``, with ``tail`` behind it."""
        drawn = self._drawn(prompt, closed)
        frame = self.template.frame(_shapes(prompt, drawn), closed=closed)
        ids: list[int] = []
        pieces: list[Piece] = []
        for own_text, slot in zip(frame.texts, (*frame.slots, None), strict=True):
            if slot is None:
                pieces += [(own_text, True), *tail]
            elif slot in drawn:  # the model goes on where it was, whatever tokens text would have here
                read, reply = drawn[slot]
                ids += self._in_context([*pieces, (own_text[:read], True)], middle=bool(ids))
                ids += reply
                pieces = []
            else:
                pieces += [(own_text, True), (self._marks.parted(prompt[slot].content.strip()), False)]
        return ids + self._in_context(pieces, middle=bool(ids))

    def _drawn(self, prompt: Prompt, closed: bool) -> dict[int, tuple[int, list[int]]]:
        """The messages that stand as the model drew them: how much of the template before each it had read, and ids.

        The ids are only a hint, and maybe another model's: they are taken when they say the same in this model's
        tokens, and when all that the model had read is what the template writes now.
        """
        drawn = {i: ids for i, message in enumerate(prompt) if (ids := self._own_ids(message)) is not None}
        if not drawn:
            return {}
        frame = self.template.frame(_shapes(prompt, drawn), closed=closed)
        read = {}
        for i in drawn.keys() - {0}:
            ahead = self.template.frame(_shapes(prompt[:i], drawn))
            same = ahead.texts[:-1] == frame.texts[:i] and ahead.slots == frame.slots[:i] and frame.slots[i] == i
            if same and frame.texts[i].startswith(ahead.texts[-1]):
                read[i] = len(ahead.texts[-1])
        if len(read) < len(drawn):
            kept = tuple(m if i in read else Message(m.role, m.content) for i, m in enumerate(prompt))
            return self._drawn(kept, closed)
        return {i: (read[i], ids) for i, ids in drawn.items()}

    def _own_ids(self, message: Message) -> list[int] | None:
        if message.role != "assistant" or not message.token_ids:
            return None
        ids = list(self.without_end(message.token_ids))
        usable = all(0 <= token < len(self._tokenizer) for token in ids) and self.control_ids.isdisjoint(ids)
        return ids if usable and self.decode(ids) == message.content else None

    def _in_context(self, pieces: Sequence[Piece], *, middle: bool = False) -> list[int]:
        """The ids of texts that follow one another, with control tokens only in those of the template's own.

        With ``middle`` something stands before them, so that no tokenizer takes them for the start of a text.
        """
        pieces = [(text.encode("utf-8", "replace").decode("utf-8"), own) for text, own in pieces if text]
        text = "".join([text for text, _ in pieces])
        if not text:
            return []
        wanted = self._controls("".join([text if own else "x" for text, own in pieces]))
        middle = middle and not (pieces[0][1] and self._control.match(text))  # a control token parts by itself
        if not middle:
            ids = self._tokenise(text, control=True)
            if self._controls_of(ids) == wanted:
                return ids
        if not self._tokenizer.is_fast:
            parts = [self._tokenise(text, control=True) if own else self.encode_text(text) for text, own in pieces]
            return [token for part in parts for token in part]
        for parted in (self._parted, _characters):
            for mark in _BREAKS:
                if mark in text:
                    continue
                broken = "".join([text if own else parted(text, mark) for text, own in pieces])
                ids, clean = self._without(mark, mark + broken if middle else broken)
                if clean and self._controls_of(ids) == wanted:
                    return ids
        if middle:  # a tokenizer that keeps no character apart
            return self._in_context(pieces)
        found = set(self._controls_of(ids)).difference(wanted) or self._controls_of(ids)
        raise self._forgeable(min(found))

    def _parted(self, text: str, mark: str) -> str:
        starts = [match.start() + 1 for match in self._control.finditer(text)]
        return mark.join([text[i:j] for i, j in zip([0, *starts], [*starts, len(text)], strict=True)])

    def _without(self, mark: str, text: str) -> tuple[list[int], bool]:
        """The ids of ``text`` but those of ``mark``, and whether no other text was in a token with it."""
        encoding = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
        )
        marks = {place for place, character in enumerate(text) if character == mark}
        ids, clean = [], True
        for token, (start, end) in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True):
            inside = [place in marks for place in range(start, end)]
            if all(inside) and (inside or start in marks):
                continue
            clean = clean and (not any(inside) or token == self._tokenizer.unk_token_id)
            ids.append(token)
        return ids, clean

    def _tokenise(self, text: str, *, control: bool = False) -> list[int]:
        text = text.encode("utf-8", "replace").decode("utf-8")  # tokenizers fail on lone surrogates
        encoding = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=not control, return_attention_mask=False, verbose=False
        )
        return list(encoding["input_ids"])

    def _controls(self, own_text: str) -> list[int]:
        if own_text not in self._own_controls:
            if len(self._own_controls) >= _KEPT:
                self._own_controls.clear()
            self._own_controls[own_text] = self._controls_of(self._tokenise(own_text, control=True))
        return self._own_controls[own_text]

    def _controls_of(self, ids: Sequence[int]) -> list[int]:
        return [token for token in ids if token in self.control_ids]

    def _before_label(self, prompt: Prompt) -> str:
        """What stands between the generation prompt and a reply that is a label alone."""
        if prompt[-1].role == "assistant":  # it goes on with that message
            return ""
        before = self.template.before_reply(_shapes(prompt))
        written = self.template.generation_prompt(_shapes(prompt))
        block = open_block(written + before)
        if not block:
            return before
        return before + closing(block)

    def _label_end(self, prompt: Prompt, lead: str, labels: Sequence[str]) -> tuple[list[int], list[int]]:
        """The ids at the end of a prompt that labels take in, and the labels' own."""
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError(f"labels {list(labels)!r}: give two or more labels that are different")
        alone = self._encode(prompt, ((lead, True),))
        placed = [self._encode(prompt, ((lead, True), (label, False))) for label in labels]
        starts = {common_length(alone, ids) for ids in placed}
        start = starts.pop()
        dropped, tokens = alone[start:], [ids[start:] for ids in placed]
        whole = not starts and not self.decode(dropped).strip()
        if not (whole and all(map(self._is_label, tokens, labels))):
            dropped, tokens = [], [self._in_context([(label, False)], middle=True) for label in labels]
        for label, ids in zip(labels, tokens, strict=True):
            if not self._is_label(ids, label):
                raise ValueError(
                    f"label {label!r} is {len(ids)} tokens for model {self._name!r} ({self.decode(ids)!r}); "
                    "use labels that are single tokens, such as 'A' and 'B'"
                )
        label_ids = [ids[0] for ids in tokens]
        if len(set(label_ids)) < len(label_ids):
            raise ValueError(f"labels {list(labels)!r}: give labels that are different tokens")
        return dropped, label_ids

    def _is_label(self, ids: Sequence[int], label: str) -> bool:
        return len(ids) == 1 and ids[0] not in self.control_ids and self.decode(ids).strip() == label.strip()

    def _closing_id(self) -> int | None:
        """The control token with which the template ends an assistant message.

        Not where the model opens a channel before its words: it then ends its thinking with the same token (gpt-oss).
        """
        try:
            tail = self.template.frame((Shape("user"), Shape("assistant")), closed=True).texts[-1]
            before = self.template.before_reply((Shape("user"),))
        except ValueError:
            return None
        return None if "<|channel|>" in before else next(iter(self._controls(tail)), None)

    def _forgeable(self, token: int) -> ValueError:
        return ValueError(
            f"model {self._name!r}: its tokenizer reads ordinary text as control token {self.decode([token])!r}; "
            "use a tokenizer that honours split_special_tokens"
        )


def _shapes(prompt: Prompt, drawn: Mapping[int, Any] | None = None) -> tuple[Shape, ...]:
    return tuple([_shape(message, bool(drawn) and i in drawn) for i, message in enumerate(prompt)])  # type: ignore[operator]


def _shape(message: Message, drawn: bool) -> Shape:
    content = message.content
    if drawn or not content or not (content[0].isspace() or content[-1].isspace()):
        return Shape(message.role)
    core = content.strip()
    start = content.find(core) if core else len(content)
    return Shape(message.role, content[:start], content[start + len(core) :])


def _characters(text: str, mark: str) -> str:
    return mark.join(text)


def _merge_system(prompt: Prompt) -> Prompt:
    system, rest = prompt[0], prompt[1:]
    if rest and rest[0].role == "user":
        return (Message("user", f"{system.content}\n\n{rest[0].content}"), *rest[1:])
    return (Message("user", system.content), *rest)
