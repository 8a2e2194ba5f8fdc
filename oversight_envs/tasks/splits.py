"""Which of train, validation and test something belongs to, from what it *is* and nothing else.

Two rules. Files are cut by rank (``rank_splits``), so that even twelve articles give three non-empty splits. Endless
procedural tasks are cut by a digest of the content (``digest_split``), so that the same story or problem, drawn twice,
is always in the same split: splits are disjoint by construction, not by luck.
"""

from __future__ import annotations

from collections.abc import Iterable

from oversight_envs.core.seeding import derive_seed

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = 0.7, 0.15, 0.15


def check_split(split: str, choices: tuple[str, ...]) -> str:
    """``split`` if it is one of the choices."""
    if split not in choices:
        raise ValueError(f"split={split!r}: choose one of {', '.join(choices)}")
    return split


def digest_split(content: str) -> str:
    """The split of a piece of content: 70% train, 15% validation, 15% test."""
    place = derive_seed("split", content) / 2**63
    return "train" if place < TRAIN else "validation" if place < TRAIN + VALIDATION else "test"


def rank_splits(keys: Iterable[str]) -> dict[str, str]:
    """A split for each key: sorted by digest, the first 15% are test, the next 15% validation, the rest train.

    A split is empty only where there are fewer than three keys. The order of the keys does not matter; which other
    keys there are does, so compare splits of one and the same file only.
    """
    ranked = sorted(set(keys), key=lambda key: (derive_seed("split", key), key))
    test = max(1, round(TEST * len(ranked))) if len(ranked) >= 2 else 0
    validation = max(1, round(VALIDATION * len(ranked))) if len(ranked) >= 3 else 0
    return {
        key: "test" if rank < test else "validation" if rank < test + validation else "train"
        for rank, key in enumerate(ranked)
    }
