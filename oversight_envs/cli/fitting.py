"""Passages longer than a model's context: cut once, before the game, leaving room for every round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question

INSTRUCTIONS = 700
"""Tokens kept free for instructions, question, answers and headings: our wordings need about 400."""
HEADING = 48
"""Tokens that surround one speech in a later prompt."""


def fitter(protocol: Protocol, players: Iterable[Any], max_new_tokens: int) -> Callable[[Question], Question] | None:
    """A function that cuts a question's passage to what every language model among ``players`` can read.

    None where no language model plays. The cut depends on the protocol's rounds, so that no prompt outgrows the context
    in the last one.
    """
    models = {id(lm): lm for player in players for lm in _language_models(player)}
    if not models:
        return None
    from oversight_envs.models import fit_passage

    speakers = sum(role.speaks for role in protocol.roles.values())
    rounds = int(protocol.config.get("rounds", 1))
    said = max(1, rounds * speakers) * (max_new_tokens + HEADING)

    def fit(question: Question) -> Question:
        for lm in models.values():
            room = lm.context_length - INSTRUCTIONS - said
            if room < 1:
                raise ValueError(
                    f"model {lm.name!r} reads {lm.context_length} tokens, which {rounds} rounds of {speakers} speeches "
                    f"of {max_new_tokens} tokens fill: give a smaller --max-new-tokens or fewer rounds"
                )
            # counting tokens is slow for long texts, and a token is at least a byte
            if len(question.passage.encode("utf-8", "replace")) > room:
                question = fit_passage(question, lm, room)
        return question

    return fit


def _language_models(player: Any) -> list[Any]:
    """The language models behind a player, those inside best-of-N and other combinations included."""
    lm = getattr(player, "lm", None)
    inner = [getattr(player, name, None) for name in ("agent", "judge", "speaker")]
    own = [lm] if hasattr(lm, "context_length") else []
    return own + [found for part in inner if part is not None for found in _language_models(part)]
