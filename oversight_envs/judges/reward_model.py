"""Any public reward model as a verifier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from oversight_envs.core.checks import at_least
from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.core.prompt import Message
from oversight_envs.core.requests import Solution
from oversight_envs.models import NonFiniteLogits, PromptTooLong
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.loading import load_reward_model, split_options
from oversight_envs.models.hf.packed import dtype_name
from oversight_envs.models.hf.template import describe_options


class RewardModelVerifier:
    """Scores a solution with a sequence classifier of one label, reading the chat (user: problem, assistant: solution).

    Args:
        model: a Hugging Face ``AutoModelForSequenceClassification`` model, or the name of one.
        tokenizer: its tokenizer, with a chat template; comes with the name where a name is given.
        name: what to call it in records and errors.
        template_options: further variables for the chat template; a name may have them behind a question mark, and
            ``dtype`` as in ``load``.
        batch_size: the most solutions in one forward pass. A model whose config names no padding token of its
            vocabulary can only take one at a time, and does.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        name: str | None = None,
        batch_size: int = 16,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        at_least("batch_size", batch_size, 1)
        self.revision: str | None = None
        options = dict(template_options or {})
        if isinstance(model, str):
            name = name or model
            model, written = split_options(model)
            dtype = written.pop("dtype", None)
            options = written | options
            model, tokenizer, self.revision = load_reward_model(model, dtype=dtype)
        if tokenizer is None:
            raise ValueError("tokenizer=None: give the reward model's tokenizer, or its name instead of the model")
        self.name = name or getattr(model, "name_or_path", "") or type(model).__name__
        if model.config.num_labels != 1:
            raise ValueError(
                f"model {self.name!r} has {model.config.num_labels} labels: a verifier needs a reward model with one "
                "(num_labels=1)"
            )
        self.model, self.tokenizer = model.eval(), tokenizer
        self.chat = ChatEncoder(tokenizer, self.name, template_options=options)
        self.template_options = options
        self.batch_size = batch_size

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        """The model's score for each solution, in order.

        Raises PromptTooLong where one does not fit the model, and NonFiniteLogits for a score that is not a number.
        """
        rows = [self.encode(solution.problem, solution.text) for solution in solutions]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # like lengths together: less padding
        scores: dict[int, float] = {}
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            scores |= zip(indices, self._score([rows[i] for i in indices]), strict=True)
        return [scores[i] for i in range(len(rows))]

    def encode(self, problem: str, text: str) -> list[int]:
        """The ids of a problem and its solution, as the model reads them: a closed chat of two messages.

        Raises PromptTooLong where they do not fit the model.
        """
        ids = self.chat.encode((Message("user", problem), Message("assistant", text)), closed=True)
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and len(ids) > limit:
            raise PromptTooLong(
                f"a solution of {len(ids):,} tokens with its problem exceeds the {limit:,} that model {self.name!r} "
                "can read; lower the provers' max_new_tokens"
            )
        return ids

    @property
    def pad_id(self) -> int | None:
        """The token that rows are padded with; None for a model that can't read rows of different lengths together."""
        # the model's own, not the tokenizer's: it finds the end of each row by looking for this id
        config = self.model.config.get_text_config()
        pad_id = config.pad_token_id
        return pad_id if isinstance(pad_id, int) and 0 <= pad_id < config.vocab_size else None

    @property
    def description(self) -> dict[str, Any]:
        dtype = dtype_name(self.model)
        described = {"type": "RewardModelVerifier", "model": self.name, "revision": self.revision, "dtype": dtype}
        return described | describe_options(self.template_options)

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: weights, vocabulary and template."""
        return fingerprint((self.model, self.chat, self.description))

    def _score(self, rows: list[list[int]]) -> list[float]:
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                scores: list[float] = row_scores(self.model, rows, self.pad_id).tolist()
        finally:
            self.model.train(was_training)
        if not all(map(math.isfinite, scores)):
            raise NonFiniteLogits(f"model {self.name!r} gave a score that is not a finite number: {scores}")
        return scores


def row_scores(model: Any, rows: Sequence[Sequence[int]], pad_id: int | None) -> Tensor:
    """The model's score [n] of each of n rows of token ids, with gradients where they are enabled.

    ``model`` is called as ``model(input_ids=[n, length], attention_mask=[n, length])``, and gives a tensor [n] or
    [n, 1], or one in ``.logits``. Rows are padded on the right, where padding has no influence on a causal model. With
    ``pad_id`` None it can't tell padding from text, and rows of different lengths are read one by one.
    """
    if pad_id is None and len({len(row) for row in rows}) > 1:
        return torch.cat([row_scores(model, [row], None) for row in rows])
    width, pad = max(map(len, rows)), pad_id or 0
    device = next(model.parameters()).device
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    output = model(input_ids=ids, attention_mask=mask)
    scores: Tensor = getattr(output, "logits", output)
    return scores.float().reshape(len(rows))
