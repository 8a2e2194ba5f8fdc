"""What is asked of an engine."""

from __future__ import annotations

from typing import Any

import pytest
from random_models import user

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.models import Generation, LanguageModel


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_p": 1.1}, {"max_new_tokens": 0}],
)
def test_sampling_settings_are_checked(tiny: LanguageModel, options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(ValueError, match=f"^{name}="):
        Generation(user("Hi"), 0, **options)
    with pytest.raises(ValueError, match=f"^{name}="):
        LanguageModelAgent(tiny, **options)
