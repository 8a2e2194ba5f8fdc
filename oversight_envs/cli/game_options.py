"""What there is to know about every game, with its options, types and defaults, out of the classes themselves.

The command line (``list``, ``list --verbose``) and ``docs/games.md`` show the same.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from oversight_envs.core.protocol import Protocol, default_reward
from oversight_envs.core.rewards import rule_name
from oversight_envs.protocols import PROTOCOLS

_ARXIV = re.compile(r"\b(\d{4}\.\d{5})\b")


class Option(NamedTuple):
    """One option of a game, as text."""

    name: str
    kind: str
    default: str
    about: str


class Game(NamedTuple):
    """One game with its default options, as text."""

    name: str
    about: str
    """What happens in it: the first sentence of its module."""
    details: str
    """The first lines of its class."""
    roles: dict[str, str]
    """Role -> what it does, and whether it is an expert."""
    judge_reads: str
    rewards: list[str]
    """Reward rules by name, the default first, then others of the game's own."""
    source: str
    options: list[Option]


def describe_game(cls: type[Protocol]) -> Game:
    """What there is to know about a game, its options at their defaults."""
    game = cls()
    default = rule_name(default_reward(game)).rpartition(":")[2]
    return Game(
        cls.name,
        _paragraph(sys.modules[cls.__module__]).partition(": ")[2].rstrip("."),
        _paragraph(cls),
        {name: ", ".join(sorted(role.does)) + (", expert" if role.expert else "") for name, role in game.roles.items()},
        cls.judge_reads,
        [default, *(name for name in game.rules if name != default)],
        cls.source,
        options_of(cls),
    )


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
    """``docs/games.md``: a table of the games, then each one's roles, rewards and options."""
    games = [describe_game(game) for game in PROTOCOLS.values()]
    parts = [
        "# The games and their options\n",
        "<!-- made by: python -m oversight_envs.cli.game_options > docs/games.md -->\n",
        _table(
            ["game", "roles", "who judges reads", "reward", "from (arXiv)", "lines of code"],
            (
                [
                    f"[{game.name}](#{game.name})",
                    ", ".join(f"`{role}`" for role in game.roles),
                    game.judge_reads,
                    f"`{game.rewards[0]}`",
                    _ARXIV.sub(r"[\1](https://arxiv.org/abs/\1)", game.source),
                    _length(PROTOCOLS[game.name]),
                ]
                for game in games
            ),
        ),
        "This is each game with its default options. Lines are those of its own file and of what it shares with other\n"
        "games, without imports, docstrings and wording. `oversight-envs list --verbose` shows the rest of this page.\n"
        "Options are given by name: `Debate(rounds=2)`, `debate_v0.env(task=..., rounds=2)`, `--option rounds=2`.\n"
        "The page of each environment, with what each role sees and how rewards are defined, is its docstring:\n"
        '`python -c "import oversight_envs.debate_v0 as m; help(m)"`.\n',
    ]
    for game in games:
        parts.append(f"## {game.name}\n\n{game.about[:1].upper()}{game.about[1:]}. {game.details}\n")
        roles = ", ".join(f"`{role}` ({does})" for role, does in game.roles.items())
        rewards = ", ".join(f"`{reward}`" for reward in game.rewards)
        parts.append(f"Roles: {roles}. Rewards: {rewards}.\n")
        parts.append(options_table(PROTOCOLS[game.name]))
    return "\n".join(parts)


def options_table(game: type[Protocol]) -> str:
    """The options of one game as a table of a page."""
    rows = ([f"`{o.name}`", f"`{_cell(o.kind)}`", f"`{o.default}`", _cell(o.about)] for o in options_of(game))
    return _table(["option", "type", "default", ""], rows)


def _length(cls: type[Protocol]) -> str:
    """Lines of code in a game's own file, and in the others of its kind that its class comes from."""
    modules = dict.fromkeys(base.__module__ for base in cls.__mro__)
    own, *shared = [_lines(module) for module in modules if module.startswith("oversight_envs.protocols.")]
    return f"{own} + {sum(shared)}"


def _lines(module: str) -> int:
    """Lines of a module that are code: not blank, no comment, docstring or import."""
    source = inspect.getsource(sys.modules[module])
    silent = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(map(str.strip, source.splitlines()), start=1)
    return sum(bool(line) and not line.startswith("#") and number not in silent for number, line in lines)


def _table(columns: list[str], rows: Iterator[list[str]]) -> str:
    lines = (f"| {' | '.join(row)} |" for row in (columns, *rows))
    head = next(lines).replace("|  |", "| |")
    return "\n".join([head, "|" + "---|" * len(columns), *lines]) + "\n"


def _paragraph(documented: Any) -> str:
    """The first lines of a docstring, as one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split()).replace("``", "`")


def _named(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(map(repr, get_args(kind)))
    return str(getattr(kind, "__name__", kind)) if isinstance(kind, type) else str(kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


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
            yield name.id, " ".join(text.value.split()).replace("``", "`")


if __name__ == "__main__":
    print(games_page(), end="")
