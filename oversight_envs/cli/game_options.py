"""The options of every game, with types, defaults and what they mean, out of the classes themselves."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from oversight_envs.core.protocol import Protocol, default_reward
from oversight_envs.core.requests import Role
from oversight_envs.core.rewards import rule_name
from oversight_envs.protocols import PROTOCOLS


class Option(NamedTuple):
    """One option of a game, as text."""

    name: str
    kind: str
    default: str
    about: str


def options_of(game: type[Protocol]) -> list[Option]:
    """The options that a game can be made with, in order."""
    about = dict(pair for cls in reversed(game.__mro__) for pair in _documented(cls))
    hints = get_type_hints(game)
    return [
        Option(
            field.name,
            _named(hints[field.name]),
            "" if field.default is MISSING else repr(field.default),
            about.get(field.name, ""),
        )
        for field in fields(game)
        if field.init
    ]


def games_page() -> str:
    """``docs/games.md``: each game with its roles, its reward and its options."""
    parts = [
        "# The games and their options\n",
        "<!-- made by: python -m oversight_envs.cli.game_options > docs/games.md -->\n",
        "Options are given by name: `Debate(rounds=2)`, `debate_v0.env(task=..., rounds=2)`, `--option rounds=2`. The\n"
        "page of each environment, with what each role sees, is its module's docstring:\n"
        '`python -c "import oversight_envs.debate_v0 as m; help(m)"`.\n',
    ]
    for name, game in PROTOCOLS.items():
        summary = (inspect.getdoc(game) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
        reward = rule_name(default_reward(game()))
        parts.append(f"## {name}\n\n{summary}\n")
        roles = [f"`{role}` ({', '.join(sorted(r.does))}{', expert' if r.expert else ''})" for role, r in _roles(game)]
        parts.append(f"Roles: {', '.join(roles)}. Reward: `{reward}`.\n")
        parts.append(options_table(game))
    return "\n".join(parts)


def options_table(game: type[Protocol]) -> str:
    """The options of one game as a table of a page."""
    rows = [f"| `{o.name}` | `{_cell(o.kind)}` | `{o.default}` | {_cell(o.about)} |" for o in options_of(game)]
    return "\n".join(["| option | type | default | |", "|---|---|---|---|", *rows]) + "\n"


def _roles(game: type[Protocol]) -> Iterator[tuple[str, Role]]:
    yield from game().roles.items()


def _named(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(map(repr, get_args(kind)))
    return str(getattr(kind, "__name__", kind)) if isinstance(kind, type) else str(kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _documented(cls: type) -> Iterator[tuple[str, str]]:
    """The attributes of a class with the text that stands under each."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError):
        return  # made at the prompt, or without its source: then there is nothing to read
    assert isinstance(tree, ast.ClassDef)
    for node, below in zip(tree.body, tree.body[1:], strict=False):
        name = node.target if isinstance(node, ast.AnnAssign) else None
        text = below.value if isinstance(below, ast.Expr) else None
        if isinstance(name, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield name.id, inspect.cleandoc(text.value).replace("``", "`")


if __name__ == "__main__":
    print(games_page(), end="")
