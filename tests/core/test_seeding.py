"""Seeds from seeds."""

from __future__ import annotations

from oversight_envs.core.seeding import derive_seed


def test_seeds_depend_on_every_part_and_on_nothing_else() -> None:
    assert derive_seed("a", 1) == derive_seed("a", 1) == 4665976284724862560
    others = [("a", 1), ("a", 2), ("b", 1), ("a1",), ("a", "1", "")]
    assert len({derive_seed(*parts) for parts in others}) == 5
