"""What models behind servers cost: said before a run, kept below a limit, and shown after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs.core.usage import Spent, Usage, summed_by_role
from oversight_envs.models.api import AnswerCache, ApiModel, Budget, dollars, load_prices

CACHE = "answers.sqlite"
"""The file of answers in a run's folder."""


@dataclass(frozen=True)
class Limits:
    """What the command line says of cost: a table of prices, the most that may be spent, whether answers are kept."""

    prices: Path | None = None
    max_cost: float | None = None
    cache: bool = True

    def apply(self, players: Iterable[Any], folder: Path) -> None:
        """Gives all models behind servers that play the run's cache and one budget."""
        models = list(server_models(players))
        prices = load_prices(self.prices)
        budget = None if self.max_cost is None else Budget(self.max_cost, prices)
        for lm in models:
            if budget is not None:
                budget.price(lm.model)  # none known: better said now than in the middle
        cache = AnswerCache(folder / CACHE) if models and self.cache else None
        for lm in models:
            lm.cache, lm.budget = cache, budget


NO_LIMITS = Limits()


def server_models(players: Iterable[Any]) -> Iterator[ApiModel]:
    """The models behind servers that play, those inside players made of players included; each once."""
    seen: set[int] = set()
    waiting = list(players)
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, ApiModel):
            yield part
        elif isinstance(part, (list, tuple)):
            waiting += part
        elif any(callable(getattr(part, name, None)) for name in ("answer", "speak", "decide", "score", "rank")):
            waiting += getattr(part, "__dict__", {}).values()


def show_usage(console: Console, usages: Mapping[str, Usage], prices: Path | None, *, estimated: bool = False) -> None:
    """A table of calls, tokens and dollars by condition, role and model; nothing where no server's model played."""
    rows = [(name, role, row) for name, usage in usages.items() for role, spent in usage.items() for row in spent]
    if not rows:
        if estimated:
            console.print("no model behind a server plays: this costs no dollars")
        return
    known = load_prices(prices)
    table = Table(title="what it would take" if estimated else "what it took", title_justify="left", title_style="bold")
    for place, column in enumerate(("", "role", "model", "calls", "repeated", "tokens in", "cached", "out", "dollars")):
        table.add_column(column, justify="left" if place < 3 else "right")
    for name, role, row in rows:
        table.add_row(Text(name), role, Text(_model(row)), *map(_number, _counts(row)), _price([row], known))
    total = [
        replace(row, served="") for usage in [summed_by_role(usages.values())] for s in usage.values() for row in s
    ]
    counts = [sum(column) for column in zip(*map(_counts, total), strict=True)]
    table.add_row("all", "", "", *map(_number, counts), _price(total, known), style="bold")
    console.print(table)
    if unknown := dollars(total, known)[1]:
        names = ", ".join(unknown)
        console.print(f"no price of {names} is known: give a table (--prices FILE)")


def _model(row: Spent) -> str:
    return row.model if row.served in ("", row.model) else f"{row.model} ({row.served})"


def _counts(row: Spent) -> tuple[int, ...]:
    return row.calls, row.repeated, row.tokens_in, row.tokens_cached, row.tokens_out


def _number(count: int) -> str:
    return f"{count:,}"


def _price(rows: list[Spent], prices: Any) -> str:
    cost, unknown = dollars(rows, prices)
    return "?" if unknown and not cost else f"{cost:.4f}" + (" + ?" if unknown else "")
