"""Passages longer than a model's context: cut once, before the game, leaving room for every round."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import Prompt
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.requests import Case, Solution, Turn
from oversight_envs.core.verdict import Verdict
from oversight_envs.models.api import FEWEST_BYTES, ApiModel

LONGEST = 256
"""Tokens of a speech, at most, where the user does not say."""
SPEECHES = 8
"""A speech may fill this part of a short context, where the user does not say: two fit beside a short passage."""
MARKS = 1.25
"""How much longer a speech may become when others are shown it: the beginnings of lines, marks of quotes."""
BYTES = 4
"""About how long a token is that a model behind a server writes."""


def fitter(games: Sequence[tuple[Protocol, Mapping[str, Any]]]) -> Callable[[Question], Question] | None:
    """A function that cuts a question's passage to what every language model that reads it can read, in every game.

    ``games`` are protocols with their players. What is kept free for instructions, answers and speeches is what they
    take: each game is played with next to no passage, by players who say as much as they may. None where no language
    model reads the passage; of those behind servers, the ones whose context length is given count.
    """
    if not any(_readers(game, role, players[role]) for game, players in games for role in game.roles):
        return None
    from oversight_envs.models import fit_passage

    def fit(question: Question) -> Question:
        taken: dict[int, tuple[Any, int]] = {}
        for game, players in games:
            for lm, tokens in _taken(game, players, question):
                taken[id(lm)] = lm, max(tokens, taken.get(id(lm), (lm, 0))[1])
        for lm, tokens in taken.values():
            room = lm.context_length - tokens
            if room < 1:
                raise ValueError(
                    f"model {lm.name!r} reads {lm.context_length} tokens, and instructions and speeches take {tokens}: "
                    "give a smaller --max-new-tokens, fewer rounds or a shorter wording (--option wording=NAME)"
                )
            # counting tokens is slow for long texts, and a token is at least a byte
            if len(question.passage.encode("utf-8", "replace")) > room:
                question = fit_passage(question, lm, room)
        return question

    return fit


def _prompt_tokens(lm: Any, prompt: Prompt) -> int:
    if isinstance(lm, ApiModel):
        return lm.expects(prompt, 0, bytes_per_token=FEWEST_BYTES).tokens_in
    return len(lm.encode(prompt))


def _taken(game: Protocol, players: Mapping[str, Any], question: Question) -> Iterator[tuple[Any, int]]:
    """Each model that reads the passage, with the tokens of each prompt beside the passage and of the reply to it."""
    episode = Episode(game, replace(question, passage=question.passage[:1]), 0)
    while not episode.done:
        for ask in tuple(episode.asks):
            longest = _speech_tokens(players[ask.role])
            for lm in _readers(game, ask.role, players[ask.role]):
                yield lm, _prompt_tokens(lm, ask.prompt) + (longest if isinstance(ask, Turn) else 0)
            if isinstance(ask, Case):
                episode.answer(ask, Verdict((-math.log(len(ask.labels)),) * len(ask.labels)))
            elif isinstance(ask, Solution):
                episode.answer(ask, 0.0)
            else:
                episode.answer(ask, _words(players[ask.role], question, int(MARKS * longest)))


def _words(player: Any, question: Question, tokens: int) -> str:
    """A text of at least so many tokens of the player's model, in words that it knows: the question's."""
    models = [lm for who in (player, *_parts(player)) if (lm := getattr(who, "lm", None)) is not None]
    if any(isinstance(lm, ApiModel) for lm in models):
        size = len(question.text.encode("utf-8", "replace")) / BYTES
    else:
        known = [lm for lm in models if hasattr(lm, "encode_text")]
        size = len(known[0].encode_text(question.text) if known else question.text.split())
    return f"{question.text} " * math.ceil(tokens / max(1, size))


def _speech_tokens(player: Any) -> int:
    """The longest speech of a player, in tokens; of one who does not say, ``LONGEST``."""
    for who in (player, *_parts(player)):
        if isinstance(longest := getattr(who, "max_new_tokens", None), int):
            return longest
    return LONGEST


def _readers(game: Protocol, role: str, player: Any) -> list[Any]:
    """The language models by which an expert reads the passage."""
    if not game.roles[role].expert:
        return []
    models = [getattr(who, "lm", None) for who in (player, *_parts(player))]
    return [lm for lm in models if getattr(lm, "context_length", None) is not None]


def _parts(player: Any) -> list[Any]:
    """Those whom a player is made of: of best-of-N and other combinations."""
    inner = [getattr(player, name, None) for name in ("agent", "judge", "speaker")]
    return [who for part in inner if part is not None for who in (part, *_parts(part))]
