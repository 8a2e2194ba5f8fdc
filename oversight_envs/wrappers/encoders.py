"""From texts to vectors, for learners that read numbers. Any object with ``dimension`` and ``encode`` will do."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from oversight_envs.core.checks import at_least


class TextEncoder(Protocol):
    """Texts to vectors of one size, each text for itself, the same text always to the same vector."""

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Float vectors [texts, dimension], in order."""
        ...


class HashingEncoder:
    """Signed hashing of word n-grams (Weinberger et al., arXiv 0902.2206). Needs no model.

    The product of two such vectors estimates how many n-grams their texts share, and which: so whether a quote stands
    in a passage, or names what was asked for, is easily learned from it; what a sentence means is not. Vectors are
    scaled to a mean square of 1, the scale that networks expect.

    Args:
        dimension: the size of the vectors. Larger means fewer n-grams that share a place.
        ngram: the most words in an n-gram.
        recency: how much more the last n-gram of a text counts than the first ones, halved every 8 words from the end:
            a prompt ends with what is to be done. 0 counts all alike.
    """

    def __init__(self, dimension: int = 512, *, ngram: int = 3, recency: float = 8.0) -> None:
        at_least("dimension", dimension, 1)
        at_least("ngram", ngram, 1)
        if not 0 <= recency < math.inf:
            raise ValueError(f"recency={recency!r}: give a number of at least 0")
        self.dimension, self.ngram, self.recency = dimension, ngram, recency

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if isinstance(texts, str):
            raise TypeError(f"texts={texts!r:.80}: give a list of texts")
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            words = [word.encode("utf-8", "replace") for word in _WORD.findall(text.lower())]
            for n in range(1, min(self.ngram, len(words)) + 1):
                grams = zip(*(words[start:] for start in range(n)), strict=False)
                digests = np.array([zlib.crc32(b" ".join(gram)) for gram in grams], dtype=np.int64)
                weights = 1 + self.recency * 0.5 ** (np.arange(len(digests))[::-1] / 8)
                np.add.at(vector, digests % self.dimension, np.where(digests >> 31, weights, -weights))
            vector *= self.dimension**0.5 / (np.linalg.norm(vector) or 1.0)
        return vectors


_WORD = re.compile(r"\w+|[^\w\s]")


def check_encoder(encoder: TextEncoder) -> None:
    """Raises TypeError or ValueError, saying what is wrong, unless ``encoder`` gives vectors of the size it says."""
    dimension = getattr(encoder, "dimension", None)
    if isinstance(encoder, type) or not callable(getattr(encoder, "encode", None)) or dimension is None:
        raise TypeError(f"encoder={encoder!r:.200}: give an object with dimension and encode(texts)")
    at_least("encoder.dimension", dimension, 1)
    encode_checked(encoder, ["a text", "another"])


def encode_checked(encoder: TextEncoder, texts: Sequence[str]) -> np.ndarray:
    """``encoder.encode(texts)`` as float32; raises ValueError for the wrong shape or numbers that are not finite."""
    vectors = np.asarray(encoder.encode(texts), dtype=np.float32)
    if vectors.shape != (len(texts), encoder.dimension):
        raise ValueError(
            f"encoder={type(encoder).__name__} says dimension={encoder.dimension} and encoded {len(texts)} texts as "
            f"{vectors.shape}, not {(len(texts), encoder.dimension)}: correct its dimension"
        )
    if not np.isfinite(vectors).all():
        raise ValueError(f"encoder={type(encoder).__name__} gave numbers that are not finite")
    return vectors
