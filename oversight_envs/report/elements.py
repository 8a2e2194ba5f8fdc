"""A page's parts as plain data, written once as HTML and once as JSON values that the page's script builds them from.

A text is only ever a text: HTML escapes it, and the script makes a text node of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

Text = str | tuple[str, ...]
"""A text, or its parts: those that are a ``Slice`` are not stored again."""

_VOID = ("input", "br")


class Slice(str):
    """A part of an episode's passage, which knows where it stands."""

    start: int

    def __new__(cls, passage: str, start: int, end: int) -> Slice:
        part = super().__new__(cls, passage[start:end])
        part.start = start
        return part


class Element(NamedTuple):
    """An element: ``attributes`` hold texts, ``children`` are elements and texts."""

    tag: str
    attributes: Mapping[str, Text]
    children: tuple[Element | str, ...]

    def __html__(self) -> str:
        """What a template writes of it."""
        return to_html(self)


def element(tag: str, *children: Element | str | None, **attributes: Text | None) -> Element:
    """An element; a child or an attribute that is None is left out. ``class_`` is ``class``, ``data_x`` ``data-x``."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    return Element(tag, named, tuple(child for child in children if child is not None))


def to_html(node: Element | str) -> str:
    """The node as HTML, every text escaped."""
    if not isinstance(node, Element):
        return escape(node)
    attributes = "".join(f' {name}="{escape("".join(value))}"' for name, value in node.attributes.items())
    inner = "".join(map(to_html, node.children))
    return f"<{node.tag}{attributes}>" + ("" if node.tag in _VOID else f"{inner}</{node.tag}>")


def to_plain(node: Element | str) -> Any:
    """The node as JSON values: a text, ``[start, end]`` of the passage, or ``[tag, attributes, child, ...]``."""
    if isinstance(node, Element):
        attributes = {name: _plain(value) for name, value in node.attributes.items()}
        return [node.tag, attributes, *map(to_plain, node.children)]
    return _plain(node)


def _plain(text: Text) -> Any:
    if isinstance(text, tuple):
        return [_plain(part) for part in text]
    # by code points, as here: the script counts them so
    return [text.start, text.start + len(text)] if isinstance(text, Slice) else text
