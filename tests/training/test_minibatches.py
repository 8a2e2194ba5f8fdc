"""Batches that keep within their bounds and lose nothing."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from oversight_envs.training.minibatches import by_tokens, epoch_batch, padded_tokens, shuffled_minibatches


def test_batches_go_over_all_items_in_a_new_order_each_time() -> None:
    passes = [[x for step in (2 * k, 2 * k + 1) for x in epoch_batch("abcdef", step, 3, seed=1)] for k in range(3)]
    assert all(sorted(found) == list("abcdef") for found in passes)
    assert len({tuple(found) for found in passes}) == 3
    across = [epoch_batch("abcdef", step, 4, seed=1) for step in range(30)]  # every third batch spans two passes
    assert all(len(set(batch)) == len(batch) <= 4 for batch in across)
    assert any(len(batch) < 4 for batch in across)


def test_batches_keep_within_their_tokens_and_lose_nothing() -> None:
    rng = np.random.default_rng(3)
    lengths = [int(n) for n in rng.integers(1, 60, size=50)]
    batches = by_tokens(lengths, 100, 10)
    assert sorted(i for batch in batches for i in batch) == list(range(50))
    assert all(padded_tokens(lengths, batch) <= 100 for batch in batches)
    assert by_tokens([500, 3], 100, 1000) == [[0], [1]]
    cuts = shuffled_minibatches(lengths, 4, rng)
    assert sorted(i for cut in cuts for i in cut) == list(range(50))
    assert len(cuts) == 4
    assert all(abs(sum(lengths[i] for i in cut) - sum(lengths) / 4) < 60 for cut in cuts)
    assert len(shuffled_minibatches([5, 5], 8, rng)) == 2


@pytest.mark.parametrize("pass_tokens", [0, 7, 30, 200])
def test_batches_are_parted_where_padding_costs_more_than_a_pass(pass_tokens: int) -> None:
    def cost(batches: list[list[int]]) -> int:
        return sum(padded_tokens(lengths, batch) + pass_tokens for batch in batches)

    lengths = [9, 40, 12, 40, 11, 25, 9, 24, 3]
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    cuts = ([0, *inner, len(order)] for n in range(len(order)) for inner in combinations(range(1, len(order)), n))
    least = min(cost([order[a:b] for a, b in pairwise(cut)]) for cut in cuts)
    assert cost(by_tokens(lengths, 10_000, pass_tokens)) == least
