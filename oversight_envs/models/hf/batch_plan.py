"""Which requests are computed together: pure functions over lists of ids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from oversight_envs.models.hf.prefixes import Ids, common_length

MIN_SHARED = 64
"""Shortest common beginning, in tokens, that is worth a reading of its own."""


def shared_lengths(prompts: Sequence[Ids]) -> dict[Ids, int]:
    """For each different prompt, how much of it another one begins with too (0 below ``MIN_SHARED``).

    At least one token is left over: reading it gives the logits that follow the prompt.
    """
    ordered = sorted(set(prompts))  # in this order the longest common beginning is with a neighbour
    shared = dict.fromkeys(ordered, 0)
    for left, right in pairwise(ordered):
        common = common_length(left, right)
        for ids in (left, right):
            shared[ids] = max(shared[ids], min(common, len(ids) - 1))
    return {ids: common if common >= MIN_SHARED else 0 for ids, common in shared.items()}


def plan(prompts: Sequence[Ids], new_tokens: Sequence[int], *, max_rows: int, max_tokens: int) -> list[list[int]]:
    """Batches of indices into ``prompts``.

    Families, prompts that share their beginning, stay together; inside them, and among them, prompts of like length do,
    since a batch is as wide as its longest prompt. A batch has at most ``max_rows`` rows and ``max_tokens`` tokens, the
    new ones and the padding included; a prompt that alone has more is a batch by itself.
    """
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    families: list[list[int]] = []
    for i in order:
        if families and common_length(prompts[families[-1][-1]], prompts[i]) >= MIN_SHARED:
            families[-1].append(i)
        else:
            families.append([i])
    for family in families:
        family.sort(key=lambda i: (len(prompts[i]), prompts[i]))
    families.sort(key=lambda family: len(prompts[family[-1]]))
    batches: list[list[int]] = []
    width = room = 0
    for i in (i for family in families for i in family):
        width, room = max(width, len(prompts[i])), max(room, new_tokens[i])
        if batches and len(batches[-1]) < max_rows and (len(batches[-1]) + 1) * (width + room) <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
            width, room = len(prompts[i]), new_tokens[i]
    return batches
