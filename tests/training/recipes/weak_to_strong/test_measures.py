"""The performance gap recovered."""

from __future__ import annotations

import pytest

from oversight_envs.training.recipes.weak_to_strong.measures import gap_recovered


def credits(right: int, of: int = 40) -> dict[str, float]:
    return {f"q{k:03d}": float(k < right) for k in range(of)}


def test_the_share_of_the_gap() -> None:
    found = gap_recovered(credits(20), credits(30), credits(36))
    assert found.value == pytest.approx(10 / 16)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 10 / 16 < found.high
    assert gap_recovered(credits(20), credits(36), credits(36)).value == 1
    below = gap_recovered(credits(20), credits(10), credits(36))
    assert below.value == pytest.approx(-10 / 16)


def test_where_there_is_no_gap_its_share_is_undefined() -> None:
    for ceiling in (20, 10):
        found = gap_recovered(credits(20), credits(30), credits(ceiling))
        assert (found.value, found.interval, found.n) == (None, None, 40)
    unsure = gap_recovered(credits(20), credits(30), credits(21))  # the gap may be none
    assert unsure.value == 10
    assert unsure.interval is None


def test_all_must_have_been_asked_the_same() -> None:
    with pytest.raises(ValueError, match="different questions"):
        gap_recovered(credits(20), credits(30, of=39), credits(36))
