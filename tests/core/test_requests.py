"""Requests: how the replies of several views become one decision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs import Verdict
from oversight_envs.core.requests import combine_views


@given(st.lists(st.floats(-20, 20), min_size=4, max_size=4), st.permutations(range(4)))
def test_combined_views_are_probabilities_in_the_options_order(weights: list[float], order: list[int]) -> None:
    log_probs = tuple(float(w) for w in np.array(weights) - np.logaddexp.reduce(weights))
    decision = combine_views("judge_0", 3, [Verdict(log_probs, 0.5)], [tuple(order)])
    assert (decision.role, decision.index) == ("judge_0", 3)
    assert sum(decision.verdict.probabilities) == pytest.approx(1)
    for label, option in enumerate(order):
        assert decision.verdict.log_probs[option] == pytest.approx(log_probs[label])
