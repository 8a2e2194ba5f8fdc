"""Times to an event of which some are censored."""

from __future__ import annotations

import pytest

from oversight_envs.evaluation.survival import survival, trend


def test_medians_are_kaplan_and_meiers() -> None:
    # by hand: 4 attacks, the third succeeds when 2 are left: S = 3/4, 1/2 at 9
    found = survival([5, 12, None, 9], 300)
    assert (found.median, found.events, found.n) == (9, 3, 4)
    assert found.interval == (5, None)
    assert found.text() == "9 [5, >300], 3 of 4"


@pytest.mark.parametrize(
    ("times", "text"),
    [
        ([None, None], ">300, 0 of 2"),
        ([5, None, None, None], ">300 [5, >300], 1 of 4"),
        ([7, 7, 7], "7, 3 of 3"),
        ([7], "7, 1 of 1"),
        ([0, 300], "0 [0, 300], 2 of 2"),
        ([], "undefined"),
    ],
)
def test_every_sample_has_a_defined_result(times: list[float | None], text: str) -> None:
    assert survival(times, 300).text() == text


@pytest.mark.parametrize("time", [301, -1, float("nan")])
def test_times_outside_the_budget_are_refused(time: float) -> None:
    with pytest.raises(ValueError, match="from 0 to budget=300"):
        survival([time], 300)


def test_trends_go_by_ranks_and_count_censored_times_as_latest() -> None:
    rising = trend([[1, 5, None], [2, 3, 4], [1, 9, None], [3, 40, 80]])
    assert rising.tau == 1
    assert rising.p is not None
    assert rising.p < 0.01
    mixed = trend([[1, 5, None], [None, 5, 1]])
    assert mixed.tau == 0
    assert mixed.p is not None
    assert mixed.p > 0.4
    assert trend([[1, 1, 1], [2, 3, 4]]).tau == 0.5  # one that never moves is no trend, and stays in the mean
    assert trend([[None, None, None]] * 3).text() == "undefined"
    assert trend([[1, 2, 3]]).p is None
    with pytest.raises(ValueError, match="series of 2, 3 values"):
        trend([[1, 2], [1, 2, 3]])
