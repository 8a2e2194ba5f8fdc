"""Models that several test files share."""

from __future__ import annotations

from typing import Any

import pytest
from random_models import random_model

from oversight_envs.models import LanguageModel, load


@pytest.fixture(scope="session")
def smollm() -> LanguageModel:
    return load("smollm2-135m")


@pytest.fixture(scope="session")
def tokenizer(smollm: LanguageModel) -> Any:
    return smollm.tokenizer


@pytest.fixture(scope="session")
def tiny() -> LanguageModel:
    return random_model()
