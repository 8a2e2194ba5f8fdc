"""Options are read as what they are."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from oversight_envs.cli.options import parse_value


def test_values_are_read_as_their_types() -> None:
    assert parse_value("none", str | None) is None
    assert parse_value("x", str | None) == "x"
    assert parse_value("12", int | None) == 12
    assert parse_value("Yes", bool) is True
    assert parse_value("0.5", float) == 0.5
    assert parse_value('{"answer": "right"}', Mapping[str, str] | None) == {"answer": "right"}
    with pytest.raises(ValueError, match="a JSON object"):
        parse_value("right", Mapping[str, str] | None)
    with pytest.raises(ValueError, match="a whole number or none"):
        parse_value("x", int | None)
