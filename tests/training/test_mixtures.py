"""Pairs of right and wrong solutions from several pools."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.training import LabelledSolution
from oversight_envs.training.mixtures import Mixture


def pool(name: str, problems: int, right: int, wrong: int) -> list[LabelledSolution]:
    return [
        LabelledSolution(f"{name}-{p}", "?", f"{name} {p} {k}", k < right)
        for p in range(problems)
        for k in range(right + wrong)
    ]


@given(st.integers(1, 4), st.integers(4, 20), st.integers(0, 50))
def test_a_mixture_takes_the_same_share_of_every_pool(count: int, size: int, step: int) -> None:
    pools = [pool(str(k), 3, 2, 1) for k in range(count)]
    mixture = Mixture(pools, seed=7)
    pairs = mixture.pairs(step, size)
    assert len(pairs) == size
    assert all(p.right.problem_id == p.wrong.problem_id and p.right.correct > p.wrong.correct for p in pairs)
    shares = Counter(pair.right.problem_id.split("-")[0] for pair in pairs)
    assert max(shares.values()) - min(shares.values()) <= 1
    assert pairs == Mixture(pools, seed=7).pairs(step, size)
    several = Counter(
        p.right.problem_id.split("-")[0] for s in range(step, step + count) for p in mixture.pairs(s, size)
    )
    assert len(set(several.values())) == 1  # what does not divide evenly goes round


def test_a_mixture_goes_over_all_pairs_and_leaves_out_pools_without() -> None:
    mixture = Mixture([pool("a", 6, 1, 1), pool("b", 3, 2, 0)], seed=0)
    assert mixture.left_out == [1]
    first = [pair for step in range(3) for pair in mixture.pairs(step, 2)]
    assert {pair.right.problem_id for pair in first} == {f"a-{p}" for p in range(6)}
    with pytest.raises(ValueError, match="no problem has both"):
        Mixture([pool("b", 3, 2, 0)], seed=0)
