"""Which sequences are computed together: by tokens, since tokens and not rows are what fills memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

from oversight_envs.core.seeding import derive_seed

T = TypeVar("T")


def by_tokens(lengths: Sequence[int], max_tokens: int, pass_tokens: int) -> list[list[int]]:
    """Batches of indices into ``lengths``, each of at most ``max_tokens`` tokens, padding included.

    Sequences of like length go together, the longest first, so that what does not fit in memory shows at once. A
    sequence that alone has more tokens is a batch by itself. They are parted where that saves more padding than the
    ``pass_tokens`` tokens that one more batch costs. (Packing, several sequences in one row, would need no padding at
    all, but where attention takes a mask and not lengths, as on a CPU, it computes every sequence against all others.)
    """
    batches: list[list[int]] = []
    width = 0
    starts = _bucket_widths(lengths, pass_tokens)
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        begins = lengths[i] in starts and lengths[i] < width
        if batches and not begins and (len(batches[-1]) + 1) * width <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
            width = lengths[i]
    return batches


def _bucket_widths(lengths: Sequence[int], pass_tokens: int) -> set[int]:
    """The longest length of each bucket, for the least padding and ``pass_tokens`` a bucket: dynamic programming."""
    counts = sorted(Counter(lengths).items(), reverse=True)
    before = [0, *accumulate(count for _, count in counts)]
    best: list[tuple[int, int]] = [(0, 0)]  # for the first n lengths: the cost, and where their last bucket starts
    for n in range(1, len(counts) + 1):
        costs = ((best[i][0] + counts[i][0] * (before[n] - before[i]) + pass_tokens, i) for i in range(n))
        best.append(min(costs))
    starts, n = set(), len(counts)
    while n:
        n = best[n][1]
        starts.add(counts[n][0])
    return starts


def padded_tokens(lengths: Sequence[int], batch: Sequence[int]) -> int:
    """The tokens of one batch, padding included."""
    return len(batch) * max(lengths[i] for i in batch)


def shuffled_minibatches(lengths: Sequence[int], count: int, rng: np.random.Generator) -> list[list[int]]:
    """All indices in random order, cut into at most ``count`` minibatches of about equally many tokens.

    There are fewer where there are fewer sequences, or where one long sequence is worth several minibatches.
    """
    order = [int(i) for i in rng.permutation(len(lengths))]
    total = sum(lengths)
    cuts: list[list[int]] = [[] for _ in range(count)]
    before = 0.0
    for i in order:
        middle = before + lengths[i] / 2
        cuts[min(int(middle * count / total), count - 1)].append(i)
        before += lengths[i]
    return [cut for cut in cuts if cut]


def epoch_batch(items: Sequence[T], step: int, size: int, seed: int) -> list[T]:
    """The batch of step ``step`` (from 0) of a run that goes over ``items`` again and again, in a new order each time.

    A function of the step alone, so a resumed run needs no state. Where two passes meet in one batch, an item of
    both stands in it once, so a batch may be shorter than ``size``.
    """
    places = range(step * size, (step + 1) * size)
    orders = {
        epoch: np.random.default_rng(derive_seed(seed, "epoch", epoch)).permutation(len(items))
        for epoch in {place // len(items) for place in places}
    }
    chosen = dict.fromkeys(int(orders[place // len(items)][place % len(items)]) for place in places)
    return [items[index] for index in chosen]
