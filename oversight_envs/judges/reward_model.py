"""Sequence classifiers as judges and verifiers: public reward models, and classifiers trained to decide."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oversight_envs.core.checks import at_least
from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.requests import LABELS, Case, Solution
from oversight_envs.core.verdict import Verdict
from oversight_envs.models import NonFiniteLogits, PromptTooLong
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.loading import load_reward_model, split_options
from oversight_envs.models.hf.template import describe_options


class SequenceClassifier(ABC):
    """A sequence classifier that reads closed chats.

    Args:
        model: a Hugging Face ``AutoModelForSequenceClassification`` model, or the name of one.
        tokenizer: its tokenizer, with a chat template; comes with the name where a name is given.
        name: what to call it in records and errors.
        template_options: further variables for the chat template; a name may have them behind a question mark, and
            ``dtype`` as in ``load``.
        batch_size: the most chats in one forward pass. A model whose config names no padding token of its vocabulary
            can only take one at a time, and does.
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
        self._check_labels(model.config)
        self.model, self.tokenizer = model.eval(), tokenizer
        self.chat = ChatEncoder(tokenizer, self.name, template_options=options)
        self.template_options = options
        self.batch_size = batch_size

    @abstractmethod
    def _check_labels(self, config: Any) -> None:
        """Raises ValueError for a model whose labels don't mean what they would be taken for."""

    @property
    def pad_id(self) -> int | None:
        """The token that rows are padded with; None for a model that can't read rows of different lengths together."""
        # the model's own, not the tokenizer's: it finds the end of each row by looking for this id
        config = self.model.config.get_text_config()
        pad_id = config.pad_token_id
        return pad_id if isinstance(pad_id, int) and 0 <= pad_id < config.vocab_size else None

    @property
    def description(self) -> dict[str, Any]:
        dtype = str(next(self.model.parameters()).dtype).removeprefix("torch.")
        described = {"type": type(self).__name__, "model": self.name, "revision": self.revision, "dtype": dtype}
        return described | describe_options(self.template_options)

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: weights, vocabulary and template."""
        return fingerprint((self.model, self.chat, self.description))

    def _encode(self, chat: Prompt, what: str) -> list[int]:
        ids = self.chat.encode(chat, closed=True)
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and len(ids) > limit:
            raise PromptTooLong(
                f"{what} of {len(ids):,} tokens exceeds the {limit:,} that model {self.name!r} can read; lower the "
                "speakers' max_new_tokens"
            )
        return ids

    def _read(self, rows: Sequence[list[int]]) -> list[list[float]]:
        """The model's number for each label, for each row, in order."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # like lengths together: less padding
        found: dict[int, list[float]] = {}
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                for start in range(0, len(order), self.batch_size):
                    part = order[start : start + self.batch_size]
                    numbers = row_labels(self.model, [rows[i] for i in part], self.pad_id).tolist()
                    found |= zip(part, numbers, strict=True)
        finally:
            self.model.train(was_training)
        if bad := [row for row in found.values() if not all(map(math.isfinite, row))]:
            raise NonFiniteLogits(f"model {self.name!r} gave a score that is not a finite number: {bad[0]}")
        return [found[i] for i in range(len(rows))]


class RewardModelVerifier(SequenceClassifier):
    """Scores a solution with a sequence classifier of one label, reading the chat (user: problem, assistant: solution).

    Arguments are those of ``SequenceClassifier``.
    """

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        """The model's score for each solution, in order.

        Raises PromptTooLong where one does not fit the model, and NonFiniteLogits for a score that is not a number.
        """
        return [score for (score,) in self._read([self.encode(s.problem, s.text) for s in solutions])]

    def encode(self, problem: str, text: str) -> list[int]:
        """The ids of a problem and its solution, as the model reads them: a closed chat of two messages.

        Raises PromptTooLong where they do not fit the model.
        """
        return self._encode((Message("user", problem), Message("assistant", text)), "a solution with its problem")

    def _check_labels(self, config: Any) -> None:
        if config.num_labels != 1:
            raise ValueError(
                f"model {self.name!r} has {config.num_labels} labels: a verifier needs a reward model with one "
                "(num_labels=1)"
            )


class RewardModelJudge(SequenceClassifier):
    """Decides a case with a sequence classifier, in one of two ways. Arguments are those of ``SequenceClassifier``.

    With one label, as public reward models have: each answer is put as the assistant's reply to the judge's prompt
    (``A: its words``), and the differences of their scores are the log-odds, which is what such models are trained for
    (Bradley and Terry; between more than two, Plackett and Luce). One forward pass an answer.

    With several labels, which the model's config must name as cases do (``id2label: {0: "A", 1: "B"}``): they are read
    off the prompt alone, and the probability of labels that the case has not is left out of the verdict's mass. A model
    whose labels mean anything else (a sentiment, an entailment) is refused, whatever their number.
    """

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict for each case, in order.

        Raises PromptTooLong, NonFiniteLogits, and ValueError for a case with a label that the model has not.
        """
        if self.model.config.num_labels == 1:
            return self._by_reply(cases)
        rows = [self._encode(case.prompt, "a case") for case in cases]
        places = [self._places(case) for case in cases]
        verdicts = []
        for numbers, own in zip(self._read(rows), places, strict=True):
            log_probs = np.array(numbers) - np.logaddexp.reduce(numbers)
            shares = log_probs[own]
            mass = float(np.logaddexp.reduce(shares))
            verdicts.append(Verdict(tuple((shares - mass).tolist()), min(math.exp(mass), 1.0)))
        return verdicts

    def _by_reply(self, cases: Sequence[Case]) -> list[Verdict]:
        rows = [
            self._encode((*case.prompt, Message("assistant", f"{label}: {option}")), "a case with an answer")
            for case in cases
            for label, option in zip(case.labels, case.options, strict=True)
        ]
        scores = iter([score for (score,) in self._read(rows)])
        verdicts = []
        for case in cases:
            own = np.array([next(scores) for _ in case.labels])
            verdicts.append(Verdict(tuple((own - np.logaddexp.reduce(own)).tolist())))
        return verdicts

    def _places(self, case: Case) -> list[int]:
        names = _label_names(self.model.config)
        if missing := [label for label in case.labels if label not in names]:
            raise ValueError(f"model {self.name!r} has the labels {', '.join(names)}, and a case has {missing[0]}, too")
        return [names.index(label) for label in case.labels]

    def _check_labels(self, config: Any) -> None:
        names = _label_names(config)
        if config.num_labels != 1 and sorted(names) != list(LABELS[: len(names)]):
            raise ValueError(
                f"model {self.name!r} has the labels {', '.join(names)[:200]}: a judge needs a reward model with one "
                "(num_labels=1), or a classifier whose config names a case's labels (id2label: A, B)"
            )


def _label_names(config: Any) -> list[str]:
    return [str(config.id2label[place]) for place in range(config.num_labels)]


def row_labels(model: Any, rows: Sequence[Sequence[int]], pad_id: int | None) -> Tensor:
    """The model's number for each label [n, labels] of each of n rows of token ids, with gradients where enabled.

    ``model`` is called as ``model(input_ids=[n, length], attention_mask=[n, length])``, and gives a tensor [n] or
    [n, labels], or one in ``.logits``. Rows are padded on the right, where padding has no influence on a causal model.
    With ``pad_id`` None it can't tell padding from text, and rows of different lengths are read one by one.
    """
    if pad_id is None and len({len(row) for row in rows}) > 1:
        return torch.cat([row_labels(model, [row], None) for row in rows])
    width, pad = max(map(len, rows)), pad_id or 0
    device = next(model.parameters()).device
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    output = model(input_ids=ids, attention_mask=mask)
    numbers: Tensor = getattr(output, "logits", output)
    return numbers.float().reshape(len(rows), -1)


def row_scores(model: Any, rows: Sequence[Sequence[int]], pad_id: int | None) -> Tensor:
    """The score [n] of each row by a model of one label: see ``row_labels``."""
    return row_labels(model, rows, pad_id).reshape(len(rows))
