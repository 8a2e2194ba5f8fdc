"""What a chat template writes around messages, and where it leaves room for them.

The template is rendered around placeholders, never around what players wrote: a speech can't steer it. Its own text is
then known apart from the messages, which tells control tokens from their look-alikes, and turn marks from forged ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from jinja2 import TemplateError

from oversight_envs.core.prompt import ChatRole
from oversight_envs.core.thinking import mentions_thinking, open_block

PINNED_DATE = datetime(2024, 7, 26)
"""The day that templates print as today's: with the real one, the same episode would have other ids tomorrow.

``template_options`` changes it: ``date_string`` is printed by templates that read it (Llama 3's), ``strftime_now`` (a
text, or a function from a format to a text) by those that ask for the clock."""

_FRAMES = 512


class Shape(NamedTuple):
    """What a template may see of a message: its role, and the blanks around its content, which some templates trim."""

    role: ChatRole
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rendered template: its own texts, and between them the messages (``slots[k]`` comes before ``texts[k + 1]``).

    Blanks at the ends of a message that the template keeps stand in its own texts.
    """

    texts: tuple[str, ...]
    slots: tuple[int, ...]


class Template:
    """The chat template of one tokenizer.

    Args:
        tokenizer: a Hugging Face tokenizer.
        name: the model's name, for error messages.
        options: further variables for the template.
    """

    def __init__(self, tokenizer: Any, name: str, options: Mapping[str, Any]) -> None:
        self._tokenizer, self._name = tokenizer, name
        self.source = _source(tokenizer.chat_template)
        self._options = {"date_string": PINNED_DATE.strftime("%d %b %Y"), **options}
        clock = self._options.pop("strftime_now", PINNED_DATE.strftime)
        self._pinned = self.source
        if "strftime_now" in self.source:  # transformers takes no functions as variables
            self._pinned = _clock_macro(self.source, clock) + self.source
        self._frames: dict[tuple[tuple[Shape, ...], bool], Frame] = {}
        self._system: bool | None = None

    def frame(self, shapes: Sequence[Shape], *, closed: bool = False) -> Frame:
        """The frame of messages of these shapes.

        It ends where the assistant is to speak; or, when the last message is the assistant's, with that message, to be
        continued; or, with ``closed``, after the last message. Raises ValueError where the template refuses, drops or
        repeats a message.
        """
        key = tuple(shapes), closed
        if key not in self._frames:
            if len(self._frames) >= _FRAMES:
                self._frames.clear()
            self._frames[key] = self._render(*key)
        return self._frames[key]

    @property
    def takes_system(self) -> bool:
        """Whether it has a place for a system message: some templates refuse it, some drop it."""
        if self._system is None:
            try:
                self.frame((Shape("system"), Shape("user")))
                self._system = True
            except ValueError:
                self._system = not self.source  # it is this that is to be reported
        return self._system

    def generation_prompt(self, shapes: Sequence[Shape]) -> str:
        """What it writes between the last message and the assistant's words."""
        return self.frame(shapes).texts[-1]

    def before_reply(self, shapes: Sequence[Shape]) -> str:
        """What it writes between its generation prompt and an assistant message of the past.

        A blank, a channel, a thinking block that is over: the model itself writes it before its words. Empty where the
        generation prompt is not the beginning of a past message.
        """
        ahead = self.frame(shapes)
        try:
            past = self.frame((*shapes, Shape("assistant")))
        except ValueError:
            return ""
        *before, last, _ = past.texts
        same = (*before,) == ahead.texts[:-1] and past.slots[:-1] == ahead.slots
        return last[len(ahead.texts[-1]) :] if same and last.startswith(ahead.texts[-1]) else ""

    def boundaries(self) -> tuple[str, list[str]]:
        """What it writes before the first message, and between and behind messages of all kinds that it takes."""
        roles: tuple[ChatRole, ...] = ("system", "user", "assistant", "user", "assistant", "user")
        for tried in (roles, roles[1:], roles[1:2]):
            try:
                first, *others = self.frame([Shape(role) for role in tried]).texts
            except ValueError:
                continue
            return first, others
        return "", []

    @property
    def thinks(self) -> bool:
        """Whether its model may think before it speaks."""
        if not mentions_thinking(self.source):
            return False
        try:
            prompt = self.generation_prompt((Shape("user"),))
        except ValueError:
            return False
        return bool(open_block(prompt)) or not mentions_thinking(prompt)  # else it closes the block by itself

    def _render(self, shapes: tuple[Shape, ...], closed: bool) -> Frame:
        if not self.source:
            raise ValueError(
                f"model {self._name!r} has no chat template: use an instruction-tuned model, or set "
                "tokenizer.chat_template and build LanguageModel(model, tokenizer)"
            )
        messages = [
            {"role": shape.role, "content": shape.before + _placeholder(str(i)) + shape.after}
            for i, shape in enumerate(shapes)
        ]
        unfinished = shapes[-1].role == "assistant" and not closed
        roles = ", ".join(shape.role for shape in shapes)
        try:
            text: str = self._tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                chat_template=self._pinned,
                add_generation_prompt=not closed and not unfinished,
                **self._options,
            )
        except TemplateError as error:
            raise ValueError(f"model {self._name!r}: its chat template refused the roles {roles}: {error}") from None
        parts = re.split(_placeholder(r"(\d+)"), text)
        slots = tuple(int(slot) for slot in parts[1::2])
        if sorted(slots) != list(range(len(shapes))):
            raise ValueError(
                f"model {self._name!r}: its chat template drops or repeats messages with the roles "
                f"{roles}; give the tokenizer a chat_template that shows each message once"
            )
        texts = parts[0::2]
        if unfinished:
            after = shapes[-1].after
            texts[-1] = after if texts[-1].startswith(after) else ""
        return Frame(tuple(texts), slots)


def describe_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a model's description says of its template options, as JSON values: nothing where there are none."""
    plain = {
        name: value
        if isinstance(value, (str, int, float, bool, type(None)))
        else getattr(value, "__name__", str(value))
        for name, value in sorted(options.items())
    }
    return {"template_options": plain} if plain else {}


def _source(template: Any) -> str:
    if isinstance(template, Mapping):  # several, by name
        template = template.get("default", "")
    return str(template or "")


def _placeholder(number: str) -> str:
    # plain letters: templates trim and search contents, and must find nothing to change here
    return f"MESSAGE{number}CONTENT"


def _clock_macro(source: str, clock: str | Callable[[str], str]) -> str:
    """A Jinja macro that stands in for the clock. The formats that the template asks for are worked out here."""
    if isinstance(clock, str):
        return "{% macro strftime_now(format) %}" + _verbatim(clock) + "{% endmacro %}"
    formats = dict.fromkeys(found[1] for found in re.findall(r"strftime_now\(\s*(['\"])(.*?)\1", source))
    cases = "".join(f"{{% elif format == {form!r} %}}{_verbatim(clock(form))}" for form in formats)
    unknown = "{% else %}{{ raise_exception('a date in a format that is no literal: give strftime_now as a text') }}"
    return "{% macro strftime_now(format) %}{% if false %}" + cases + unknown + "{% endif %}{% endmacro %}"


def _verbatim(text: str) -> str:
    return "{{ " + repr(text) + " }}"
