"""What tokens cost, from a small table that a user can override."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from oversight_envs.core.usage import Spent

_DATED = re.compile(r"(?P<model>.+?)-\d{4}-\d{2}-\d{2}")
_FIELDS = ("input", "output", "cached")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens: read, written, and read from the server's own cache of prompts."""

    input: float
    output: float
    cached: float

    def of(self, spent: Spent) -> float:
        """What these tokens cost, in dollars."""
        new = spent.tokens_in - spent.tokens_cached
        return (new * self.input + spent.tokens_cached * self.cached + spent.tokens_out * self.output) / 1e6


Prices = Mapping[str, Price]


def load_prices(path: str | Path | None = None) -> dict[str, Price]:
    """The table that comes with the package, and before it the one at ``path``, a TOML file with a table a model:

        ["my-model"]
        input = 0.5    # dollars per million tokens
        output = 1.5
        cached = 0.05  # as input, if left out

    Raises ValueError, naming the place, for a table with a mistake in it.
    """
    known = _read(files(__package__).joinpath("prices.toml").read_text(encoding="utf-8"), "prices.toml")
    if path is None:
        return known
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"prices={str(path)!r}: {getattr(error, 'strerror', None) or error}") from None
    return known | _read(text, str(path))


def price_of(model: str, prices: Prices) -> Price | None:
    """The price of a model, a dated one's by its name without the date; None where the table has none."""
    dated = _DATED.fullmatch(model)
    return prices.get(model) or (prices.get(dated["model"]) if dated else None)


def dollars(rows: Iterable[Spent], prices: Prices) -> tuple[float, list[str]]:
    """What these rows cost, and the models of which no price is known."""
    total, unknown = 0.0, []
    for row in rows:
        price = price_of(row.model, prices)
        if price is None:
            if row.calls and row.model not in unknown:
                unknown.append(row.model)
        else:
            total += price.of(row)
    return total, unknown


def _read(text: str, where: str) -> dict[str, Price]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"prices={where!r}: {error}") from None
    return {model: _price(model, table, where) for model, table in tables.items()}


def _price(model: str, table: Any, where: str) -> Price:
    place = f"prices={where!r}, [{model!r}]"
    if not isinstance(table, dict):
        raise ValueError(f'{place} is {table!r:.40}: give a table, ["{model}"] with input and output under it')
    for key, value in table.items():
        if isinstance(value, dict):
            raise ValueError(f'{place} holds a table {key!r}: write a model with a dot in its name in quotes, ["a.b"]')
        if key not in _FIELDS:
            hint = f"did you mean {close[0]!r}? " if (close := get_close_matches(key, _FIELDS, n=1)) else ""
            raise ValueError(f"{place} has {key!r}: {hint}its keys are {', '.join(_FIELDS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{place}: {key} = {value!r:.40}: give dollars per million tokens, a number of at least 0")
    if missing := [key for key in ("input", "output") if key not in table]:
        raise ValueError(f"{place} lacks {' and '.join(missing)}, in dollars per million tokens")
    return Price(**{"cached": table["input"], **table})
