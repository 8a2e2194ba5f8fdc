"""Cutting a passage to what a model can read."""

from __future__ import annotations

import re
from dataclasses import replace

from oversight_envs.core.checks import at_least
from oversight_envs.core.question import Question
from oversight_envs.models.api import FEWEST_BYTES, ApiModel
from oversight_envs.models.engine import Engine

_SENTENCE_END = re.compile(r"""[.!?]["'\u201d\u2019)\]]*(?=\s)""")


def fit_passage(question: Question, lm: Engine | ApiModel, max_tokens: int) -> Question:
    """The question with its passage cut to at most ``max_tokens`` tokens of ``lm``.

    A model behind a server does not say how it counts: its tokens have at least ``FEWEST_BYTES`` bytes on average.

    Called once, before an episode, with room left for all rounds: a passage cut anew in each turn would change under
    the players. The start is kept, up to the end of a sentence, or of a word where there is no sentence end in the
    second half. ``metadata["passage_cut"]`` is then the length that the passage had, in characters; a question whose
    passage fits is returned as it is.
    """
    at_least("max_tokens", max_tokens, 1)
    kept = passage = question.passage
    if isinstance(lm, ApiModel):
        size = passage.encode("utf-8", "replace")
        if len(size) > max_tokens * FEWEST_BYTES:
            kept = _cut(passage, len(size[: max_tokens * FEWEST_BYTES].decode("utf-8", "ignore")))
    elif len(ids := lm.encode_text(passage)) > max_tokens:
        limit = len(lm.decode(ids[:max_tokens]))
        while len(lm.encode_text(kept)) > max_tokens:  # again where the cut text has more tokens than the text had
            kept = _cut(passage, limit)
            limit = min(limit, len(kept)) - 1
    if kept == passage:
        return question
    return replace(question, passage=kept, metadata={"passage_cut": len(passage), **question.metadata})


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` characters from the start of ``text``, ending with a sentence or else with a word."""
    if limit <= 0:
        return ""
    sentences = [match.end() for match in _SENTENCE_END.finditer(text, 0, limit + 1) if match.end() <= limit]
    if sentences and sentences[-1] > limit // 2:
        return text[: sentences[-1]]
    words = [match.start() for match in re.finditer(r"\s", text[: limit + 1])]
    return text[: words[-1]].rstrip() if words else text[:limit]
