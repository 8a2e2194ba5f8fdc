"""Which requests are computed together: pure functions over lists of ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from oversight_envs.models.hf.prefixes import Ids, common_length

MIN_SHARED = 64
"""How many tokens less to read are worth a reading apart."""


def shared_lengths(prompts: Sequence[Ids]) -> list[int]:
    """For each prompt, how much of it others begin with too, or are altogether (0 where that is not worth it).

    At least one token is left over: reading it gives the logits that follow the prompt. Prompts whose common beginnings
    are nearly as long form a group, with one beginning for all of them.
    """
    times = Counter(prompts)
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])  # the longest common beginning is with a neighbour
    common = [0] * len(prompts)
    for left, right in pairwise(order):
        length = common_length(prompts[left], prompts[right])
        for i in (left, right):
            common[i] = max(common[i], min(length, len(prompts[i]) - 1))
    shared = [0] * len(prompts)
    group: list[int] = []
    for i in order:
        if common[i] * max(times[prompts[i]] - 1, 1) < MIN_SHARED:
            continue
        if group:
            length = min(shared[group[0]], common[i], common_length(prompts[group[0]], prompts[i]))
        if not group or any((common[k] - length) * times[prompts[k]] >= MIN_SHARED for k in (*group, i)):
            group, length = [], common[i]
        group.append(i)
        for k in group:
            shared[k] = length
    return shared


def plan(
    prompts: Sequence[Ids],
    new_tokens: Sequence[int],
    held: Sequence[int],
    *,
    max_rows: int,
    max_tokens: int,
    max_held: int,
) -> list[list[int]]:
    """Batches of indices into ``prompts``.

    Families, prompts that share their beginning, stay together; inside them, and among them, prompts of like length do,
    since a batch is as wide as its longest prompt. Of prompt i the first ``held[i]`` tokens are held once for all that
    begin with them, and don't count. Of the others, a batch has at most ``max_tokens``, the new ones and the padding
    included, in at most ``max_rows`` rows, and its beginnings have at most ``max_held`` altogether; a prompt, or a
    beginning, that alone has more is a batch by itself.
    """
    beginnings = [ids[:length] for ids, length in zip(prompts, held, strict=True)]
    own = [len(ids) - length for ids, length in zip(prompts, held, strict=True)]
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    families: list[list[int]] = []
    for i in order:
        if families and common_length(prompts[families[-1][-1]], prompts[i]) >= MIN_SHARED:
            families[-1].append(i)
        else:
            families.append([i])
    for family in families:
        family.sort(key=lambda i: (beginnings[i], own[i], prompts[i]))
    families.sort(key=lambda family: max(own[i] for i in family))
    batches: list[list[int]] = []
    width = room = holding = 0
    for i in (i for family in families for i in family):
        rows = batches[-1] if batches else []
        width, room = max(width, own[i]), max(room, new_tokens[i])
        holding += held[i] * (not rows or beginnings[rows[-1]] != beginnings[i])
        fits = (len(rows) + 1) * (width + room) <= max_tokens and (holding <= max_held or holding == held[i])
        if rows and len(rows) < max_rows and fits:
            rows.append(i)
        else:
            batches.append([i])
            width, room, holding = own[i], new_tokens[i], held[i]
    return batches
