"""The tiny models' tokenizers."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_games import tokenizer_for


@pytest.fixture
def stories() -> Any:
    return tokenizer_for("stories")


@pytest.fixture
def arithmetic() -> Any:
    return tokenizer_for("arithmetic")
