"""Judges and verifiers that read the first token's log-probabilities from a server: no text is parsed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from oversight_envs.core.checks import at_least
from oversight_envs.core.players import PlayerError
from oversight_envs.core.requests import Ask, Case, Duty, Solution
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.usage import Answer, Spent, summed
from oversight_envs.core.verdict import Verdict
from oversight_envs.models.api import ApiModel
from oversight_envs.models.api.answers import read_labels
from oversight_envs.models.requests import LabelReading

TOP_LOGPROBS = 20
"""How many candidates are asked for: the most that OpenAI and vLLM give."""
ATTEMPTS = 5
"""How often a model is asked that draws the end of its answer as its first token, for which servers list nothing."""


class ApiLogitJudge:
    """Decides by the probabilities that a model behind a server gives to the options' labels as its first token.

    Args:
        lm: a model, or the spec of one.
        top_logprobs: how many candidates for the first token are asked for.

    All spellings of a label among them are summed (see ``read_labels``), and the mass on the labels is kept. Raises
    PlayerError where the server gives no log-probabilities, or no label is among the candidates: it never guesses.
    """

    does: ClassVar[frozenset[Duty]] = frozenset({"decide"})

    def __init__(self, lm: ApiModel | str, *, top_logprobs: int = TOP_LOGPROBS) -> None:
        at_least("top_logprobs", top_logprobs, 1)
        self.lm = ApiModel(lm) if isinstance(lm, str) else lm
        self.top_logprobs = top_logprobs

    async def answer(self, ask: Ask) -> Answer:
        if not isinstance(ask, Case):
            raise PlayerError(f"{self.lm.name} was given to decide, and {ask.role} is to {ask.duty}")
        reading, spent = await _read(self.lm, ask, ask.labels, self.top_logprobs)
        return Answer(Verdict(reading.log_probs, reading.mass), spent)

    def expects(self, ask: Ask) -> Spent:
        """About what an answer takes: for a dry run."""
        return self.lm.expects(ask.prompt, 1)

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "ApiLogitJudge", "lm": self.lm.description, "top_logprobs": self.top_logprobs}


class ApiLogitVerifier:
    """Scores a solution by the log-odds of Yes over No as the first token; else as ``ApiLogitJudge``.

    ``labels`` are the words for right and wrong, as the prompt asks for them.
    """

    does: ClassVar[frozenset[Duty]] = frozenset({"score"})

    def __init__(
        self, lm: ApiModel | str, *, labels: tuple[str, str] = ("Yes", "No"), top_logprobs: int = TOP_LOGPROBS
    ) -> None:
        if len(labels) != 2 or labels[0].casefold() == labels[1].casefold():
            raise ValueError(f"labels={labels!r}: give two, the word for right and the word for wrong")
        at_least("top_logprobs", top_logprobs, 1)
        self.lm = ApiModel(lm) if isinstance(lm, str) else lm
        self.labels, self.top_logprobs = tuple(labels), top_logprobs

    async def answer(self, ask: Ask) -> Answer:
        if not isinstance(ask, Solution):
            raise PlayerError(f"{self.lm.name} was given to score, and {ask.role} is to {ask.duty}")
        reading, spent = await _read(self.lm, ask, self.labels, self.top_logprobs)
        return Answer(reading.log_probs[0] - reading.log_probs[1], spent)

    def expects(self, ask: Ask) -> Spent:
        """About what an answer takes: for a dry run."""
        return self.lm.expects(ask.prompt, 1)

    @property
    def description(self) -> dict[str, Any]:
        return {
            "type": "ApiLogitVerifier",
            "lm": self.lm.description,
            "labels": list(self.labels),
            "top_logprobs": self.top_logprobs,
        }


async def _read(lm: ApiModel, ask: Ask, labels: tuple[str, ...], top_logprobs: int) -> tuple[LabelReading, Spent]:
    took: list[Spent] = []
    for attempt in range(ATTEMPTS):
        seed = derive_seed(ask.seed, "again", attempt) if attempt else ask.seed
        # at temperature 1 what a server calls log-probabilities is the model's own, scaled or not
        said, spent = await lm.chat(ask.prompt, seed=seed, max_new_tokens=1, top_logprobs=top_logprobs)
        took.append(spent)
        if said.top:
            break
    else:
        raise lm.error(
            f"{ask.role}: it ended its answer before the first token, {ATTEMPTS} times: it says nothing here"
        )
    assert said.top is not None
    reading = read_labels(said.top, labels)
    if reading is None:
        likely = ", ".join(f"{token!r} {p:.2f}" for token, p in said.top[:5])
        raise lm.error(
            f"{ask.role}: none of {', '.join(labels)} is among the {len(said.top)} likeliest first tokens ({likely}): "
            f"judge by words instead (stated:{lm.name}), or let it think first (reasoning:stated:{lm.name})"
        )
    return reading, summed(replace(row, served=said.served) for row in took)[0]
