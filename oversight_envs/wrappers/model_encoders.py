"""Encoders that are neural networks: the hidden states of a model that plays anyway, or a sentence encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from oversight_envs.core.checks import at_least
from oversight_envs.models import LanguageModel, load
from oversight_envs.training.policy import output_layer, trainable


class HiddenStateEncoder:
    """The mean over a text's tokens of a causal language model's last hidden states.

    The model is not copied: one that already plays costs no further memory. Of a text longer than its context the last
    tokens count, as what is to be done stands at the end of a prompt; a text without tokens is all zeros.

    Args:
        lm: a model, or the name of one.
        batch_size: the most texts in one forward pass.
    """

    def __init__(self, lm: LanguageModel | str, *, batch_size: int = 64) -> None:
        at_least("batch_size", batch_size, 1)
        self.lm: LanguageModel = load(lm) if isinstance(lm, str) else trainable(lm)
        self.batch_size = batch_size
        self.dimension = int(output_layer(self.lm.model).weight.shape[-1])

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = [self.lm.encode_text(text)[-self.lm.context_length :] for text in texts]
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        order = sorted((i for i, row in enumerate(rows) if row), key=lambda i: len(rows[i]))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            vectors[chosen] = self._means([rows[i] for i in chosen])
        return vectors

    @torch.inference_mode()
    def _means(self, rows: Sequence[list[int]]) -> np.ndarray:
        width = max(map(len, rows))
        device = output_layer(self.lm.model).weight.device
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=device)
        real = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
        was_training = self.lm.model.training
        self.lm.model.eval()
        try:  # padded on the right, where a causal model can't see it
            out = self.lm.model(input_ids=ids, output_hidden_states=True, use_cache=False)
        finally:
            self.lm.model.train(was_training)
        states = out.hidden_states[-1].float() * real[..., None]
        means: np.ndarray = (states.sum(dim=1) / real.sum(dim=1, keepdim=True)).cpu().numpy()
        return means


class SentenceEncoder:
    """A model of the package ``sentence-transformers``, which is imported when this is built.

    Raises ImportError, with the command that installs it, where the package is missing.
    """

    def __init__(self, model: str | Any = "sentence-transformers/all-MiniLM-L6-v2", *, batch_size: int = 64) -> None:
        at_least("batch_size", batch_size, 1)
        if isinstance(model, str):
            try:
                from sentence_transformers import SentenceTransformer
            except ModuleNotFoundError as error:
                raise ImportError("SentenceEncoder needs a package: pip install 'oversight-envs[sentence]'") from error
            model = SentenceTransformer(model, trust_remote_code=False)
        self.model, self.batch_size = model, batch_size
        self.dimension = len(self.encode(["a text"])[0])

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors: np.ndarray = self.model.encode(list(texts), batch_size=self.batch_size, show_progress_bar=False)
        return vectors
