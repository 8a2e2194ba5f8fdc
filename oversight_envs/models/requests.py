"""What the engine is asked and what it answers: plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oversight_envs.core.checks import at_least
from oversight_envs.core.players import Unanswerable
from oversight_envs.core.prompt import Prompt

PromptOrIds = Prompt | Sequence[int]
"""Chat messages, or token ids that are already encoded."""


class PromptTooLong(Unanswerable, ValueError):
    """A prompt and what is to follow it do not fit the model's context. Raised before anything is computed."""


class NonFiniteLogits(ArithmeticError):
    """The model's output can't be read as probabilities (NaN, +inf, or nothing left but -inf)."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A request to continue one prompt.

    ``seed`` starts this sample's own random stream, so what is drawn does not depend on what else is in the batch.
    ``temperature`` 0 takes the most probable token. ``top_p`` and ``top_k`` (0: off) keep only the most probable ones.
    """

    prompt: PromptOrIds
    seed: int
    max_new_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0

    def __post_init__(self) -> None:
        at_least("seed", self.seed, 0)
        check_sampling(self.max_new_tokens, self.temperature, self.top_p, self.top_k)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote.

    ``token_ids`` are all the ids it drew, the end token included where it drew one; ``text`` is their decoding without
    the end token, behind the opening mark of a thinking block that the chat template had opened.
    ``log_probs`` has one natural log-probability for each id, under the softmax at the request's
    temperature (1 for greedy choice) *before* top-p and top-k: what policy-gradient training needs. It is empty where
    an engine can't tell them.
    ``finished`` is False when the token limit cut it off.
    """

    text: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class LabelReading:
    """Natural-log probabilities of labels as the next token, normalised over the labels.

    ``mass`` is the probability that the model gave to all the labels together before normalising.
    """

    log_probs: tuple[float, ...]
    mass: float


def check_sampling(max_new_tokens: int, temperature: float, top_p: float, top_k: int = 0) -> None:
    """Raises ValueError for a sampling setting that makes no sense, naming the argument, its value and the fix."""
    at_least("max_new_tokens", max_new_tokens, 1)
    at_least("top_k", top_k, 0)
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature={temperature!r}: give a number of at least 0 (0 takes the most probable token)")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p={top_p!r}: give a number above 0 and up to 1 (1 keeps every token)")
