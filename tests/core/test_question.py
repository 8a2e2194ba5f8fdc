"""Questions."""

from __future__ import annotations

from typing import Any

import pytest

from oversight_envs import Question


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"options": ("one",)}, "has one option"),
        ({"options": ("same", "same")}, "equal options"),
        ({"options": ("a", "b"), "truth": 2}, "truth 2"),
        ({"options": ("a", "b"), "truth": "a"}, "must be an index"),
        ({"options": "ab"}, "not the string"),
        ({"truth": 3}, "must be text"),
        ({"id": ""}, "non-empty"),
    ],
)
def test_questions_refuse_nonsense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Question(**{"id": "q", "text": "?", **fields})
