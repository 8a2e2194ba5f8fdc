"""What playing would take of models behind servers, by playing with made-up replies: nobody is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from oversight_envs.core.episode import Episode
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.requests import LABELS, Ask, Case, Solution, Turn
from oversight_envs.core.usage import Spent, Usage, summed
from oversight_envs.core.verdict import Verdict
from oversight_envs.play.queue import Batch, Queue
from oversight_envs.play.sides import Sides, episode_seeds
from oversight_envs.protocols.ranking import RANKER

WORD = "word"
"""About a token of English, with its blank."""
SPEECH = 150
"""Words of a speech by someone who costs nothing."""


def estimate(
    protocol: Protocol,
    players: Mapping[str, Any],
    questions: Sequence[Question],
    *,
    samples: int = 1,
    sides: Sides = "drawn",
    seed: int = 0,
) -> Usage:
    """Calls and tokens by role and model, for players that say what an answer takes (``expects(ask)``).

    Tokens are counted by length, and every speech is as long as it may be: an upper estimate. Players made of players
    work as they do in a game, on made-up replies; give ones that remember nothing, or that play no game later.
    """
    rows: dict[str, list[Spent]] = {}
    for question in questions:
        for drawn in episode_seeds(protocol, question, seed, samples=samples, sides=sides):
            queue = Queue()
            queue.add(Episode(protocol, question, drawn), players)
            while (batch := queue.take()) is not None:
                if getattr(batch.player, "fixed", False):  # what is said costs nothing and is known
                    said = batch.player.speak(batch.asks)
                    queue.give(batch, [ask.checked(text) for ask, text in zip(batch.asks, said, strict=True)])
                    continue
                expects = getattr(batch.player, "expects", None)
                taken = [expects(ask) if callable(expects) else None for ask in batch.asks]
                for ask, spent in zip(batch.asks, taken, strict=True):
                    if spent is not None:
                        rows.setdefault(ask.role, []).append(spent)
                queue.give(batch, _made_up(batch, taken))
    return {role: summed(spent) for role, spent in sorted(rows.items())}


def _made_up(batch: Batch, taken: Sequence[Spent | None]) -> list[Any]:
    replies: list[Any] = []
    for ask, owner, spent in zip(batch.asks, batch.owners, taken, strict=True):
        if isinstance(ask, Turn):
            outer = owner.compound.ask if owner.compound is not None else ask  # a judge may answer by a speech
            outer = ask if ask.role == RANKER else outer  # which is part of best-of-N
            words = f"{WORD} " * (spent.tokens_out if spent is not None else SPEECH)
            words = f"{ask.draw} {words}" if ask.draw else words  # candidates differ, or no ranking would be asked
            replies.append(ask.checked(words[: 4 * len(WORD) * 5_000] + _answer(outer)))
        elif isinstance(ask, Case):
            replies.append(ask.checked(_even(len(ask.labels))))
        else:
            replies.append(ask.checked(0.0))
    return replies


def _answer(ask: Ask) -> str:
    if isinstance(ask, Case):
        return f"\nAnswer: {ask.labels[0]}"
    if isinstance(ask, Turn) and ask.role == RANKER:
        return f"\nAnswer: {' > '.join(LABELS[: len(ask.options)])}"
    return "\nAnswer: Yes" if isinstance(ask, Solution) else ""


def _even(options: int) -> Verdict:
    return Verdict((-math.log(options),) * options)
