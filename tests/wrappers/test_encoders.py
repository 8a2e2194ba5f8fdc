"""Texts as vectors: each its own, whatever stands beside it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.wrappers import HashingEncoder, HiddenStateEncoder


@given(st.lists(st.text(max_size=60), max_size=4), st.integers(1, 40), st.integers(1, 4))
def test_hashing_gives_every_text_its_own_vector(texts: list[str], dimension: int, ngram: int) -> None:
    encoder = HashingEncoder(dimension, ngram=ngram)
    vectors = encoder.encode(texts)
    assert vectors.shape == (len(texts), dimension)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(HashingEncoder(dimension, ngram=ngram).encode([text])[0], vector)
        assert not vector.any() or np.isclose(np.mean(vector**2), 1, atol=1e-4)


def test_hashed_products_tell_a_quote_from_an_invention() -> None:
    prompt, quote, invention = HashingEncoder(2048).encode(
        ["Day 1: Ann moved the kettle. Day 2: Ben moved the lamp.", "Ann moved the kettle.", "Ann painted a boat."]
    )
    assert prompt @ quote > 2 * (prompt @ invention)


def test_hidden_states_do_not_depend_on_the_batch() -> None:
    encoder = HiddenStateEncoder("tiny-stories-judge", batch_size=2)
    texts = ["Day 3: Ann moved the kettle to the attic.", "", "the attic", "Where was the kettle?", "the " * 2000]
    vectors = encoder.encode(texts)
    assert vectors.shape == (5, encoder.dimension)
    assert not vectors[1].any()
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[2], atol=0.1)


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
def test_a_missing_sentence_encoder_says_what_to_install() -> None:
    from oversight_envs.wrappers import SentenceEncoder

    with pytest.raises(ImportError, match=r"pip install 'oversight-envs\[sentence\]'"):
        SentenceEncoder()
