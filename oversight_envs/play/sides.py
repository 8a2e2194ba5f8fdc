"""Both assignments of a question: a game with the sides that its seed draws, and the same one with sides exchanged.

The sides of a game follow from its seed, and a stored game is rebuilt from that. So exchanged sides are another seed,
not another kind of game: the first in a row of seeds, derived from the game's own, that draws the sides the other way
round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from oversight_envs.core.checks import one_of
from oversight_envs.core.episode import assignment
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.seeding import derive_seed

Sides = Literal["drawn", "both"]
"""``both``: each sample is played twice, once for either assignment, so that who argues for the truth is balanced."""

_TRIES = 1000


def episode_seeds(game: Protocol, question: Question, seed: int, *, samples: int, sides: Sides = "drawn") -> list[int]:
    """The seeds of a question's games. With both sides a game's twin follows it. Raises ValueError: see below."""
    one_of("sides", sides, ("drawn", "both"))
    drawn = [derive_seed(seed, "episode", question.id, k) for k in range(samples)]
    if sides == "drawn":
        return drawn
    return [twin for first in drawn for twin in (first, other_sides(game, question, first))]


def other_sides(game: Protocol, question: Question, seed: int) -> int:
    """A seed under which the sides are the other way round and the judge reads the answers in the same order.

    Raises ValueError where the seed draws no sides, or there is no other way round.
    """
    drawn = assignment(game, question, seed)
    wanted = _exchanged(drawn.sides, len(question.options))
    if wanted is not None:
        for n in range(_TRIES):
            other = derive_seed(seed, "other sides", n)
            found = assignment(game, question, other)
            if (found.sides, found.order) == (wanted, drawn.order):
                return other
    raise ValueError(
        f"sides='both': {game.name} as configured draws no sides of question {question.id!r} that could be exchanged; "
        "leave sides out, or take a game whose seed draws who argues for what (debate, consultancy)"
    )


def _exchanged(sides: Mapping[str, int], options: int) -> Mapping[str, int] | None:
    """The two answers that are argued for, exchanged; None where there are not two."""
    answers = sorted(set(sides.values()))
    if len(answers) == 1 and options == 2:
        answers = [0, 1]
    if len(answers) != 2:
        return None
    return {role: sum(answers) - side for role, side in sides.items()}
