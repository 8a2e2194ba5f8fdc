"""The most that may be spent. Whoever is about to spend more stops, once what is on its way has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from oversight_envs.core.checks import positive
from oversight_envs.core.players import OutOfBudget
from oversight_envs.core.usage import Spent
from oversight_envs.models.api.prices import Price, Prices, load_prices, price_of


@dataclass
class Budget:
    """At most ``dollars``, for all models that share it. Raises ValueError for a model without a price.

    A call is begun only if what it may cost at most is left. A call for which nothing is left waits for those on their
    way, which may come cheaper, and only then raises OutOfBudget: so nothing that was paid for is thrown away.
    """

    dollars: float
    prices: Prices = field(default_factory=load_prices, repr=False)
    spent: float = field(default=0.0, init=False)
    _reserved: dict[int, float] = field(default_factory=dict, init=False, repr=False)
    """What calls on their way may cost, by their number."""
    _calls: int = field(default=0, init=False, repr=False)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, init=False, repr=False)

    def __post_init__(self) -> None:
        positive("max_cost", self.dollars)

    def price(self, model: str) -> Price:
        """What the model's tokens cost."""
        price = price_of(model, self.prices)
        if price is None:
            raise ValueError(f"max_cost={self.dollars:g}: no price of {model!r} is known; give a table of prices")
        return price

    @asynccontextmanager
    async def call(self, most: Spent) -> AsyncIterator[list[Spent]]:
        """A context for one call that takes ``most`` at most; put what it took into the list."""
        price = self.price(most.model)
        may_cost, took = price.of(most), list[Spent]()
        async with self._changed:
            while self.spent + sum(self._reserved.values()) + may_cost > self.dollars:
                if not self._reserved:
                    raise OutOfBudget(
                        f"${self.spent:.4f} of {self.dollars:g} are spent, and the next call of {most.model} may cost "
                        f"${may_cost:.4f}: what is finished is kept; to go on, give a larger max_cost (--max-cost)"
                    )
                await self._changed.wait()
            self._calls += 1
            number = self._calls
            self._reserved[number] = may_cost
        try:
            yield took
        finally:
            del self._reserved[number]
            self.spent += sum(price.of(spent) for spent in took)
            async with self._changed:
                self._changed.notify_all()
