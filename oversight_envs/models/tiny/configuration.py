"""The shape of a tiny transformer, as Hugging Face configs go."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig


class TinyConfig(PreTrainedConfig):
    """Shape of the models in ``modeling``.

    ``num_hidden_layers`` is ``num_blocks`` + 1, since it is what caches go by: the first layer of a cache holds the ids
    of earlier tokens, which the n-gram inputs of later ones need.
    """

    model_type = "oversight-tiny"

    vocab_size: int = 128
    hidden_size: int = 64
    num_blocks: int = 2
    num_attention_heads: int = 4
    ngram: int = 4
    """A token's input is the sum of embeddings of itself and the ``ngram`` - 1 tokens before it."""
    max_position_embeddings: int = 512
    """The most tokens that are read at once. Positions are rotary, so no weight depends on it."""
    rope_theta: float = 1000.0
    answer_token_id: int | None = None
    """The token that opens an assistant's turn: a score counts the tokens after the last one (None: all tokens)."""
    score_head: str = "weakest step"
    """How a classifier scores: by the ``weakest step``, or by a linear layer on the ``last state``, as reward models of
    usual size do."""
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **options: Any) -> None:
        if self.score_head not in ("weakest step", "last state"):
            raise ValueError(f"score_head={self.score_head!r}: choose 'weakest step' or 'last state'")
        if self.ngram < 1 or self.num_blocks < 1:
            raise ValueError(f"ngram={self.ngram}, num_blocks={self.num_blocks}: give at least 1")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"hidden_size={self.hidden_size}: must be a multiple of twice num_attention_heads="
                f"{self.num_attention_heads}"
            )
        if self.id2label is None:  # as a classifier it gives one score, where transformers assumes two labels
            options.setdefault("num_labels", 1)
        super().__post_init__(**options)

    @property
    def num_hidden_layers(self) -> int:
        return self.num_blocks + 1
