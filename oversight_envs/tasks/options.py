"""Which of a question's options are shown, and in which order: drawn from the question's id, so always alike.

Whoever writes a file tends to put the right option at one place. Debaters and judges would learn the place.
"""

from __future__ import annotations

from collections.abc import Sequence

from oversight_envs.core.checks import one_of
from oversight_envs.core.seeding import derive_seed


def shown_options(
    id: str,
    count: int,
    right: int | None,
    *,
    stream: str,
    keep: int | None = None,
    preferred: Sequence[int] = (),
    shuffle: bool = True,
) -> tuple[int, ...]:
    """The options to show, as indices into the file's, in the order to show them in.

    ``keep`` of them: the right one and wrong ones, the ``preferred`` first, else drawn; None keeps all.
    ``shuffle=False`` keeps the file's order. ``stream`` names the draws: sets that share ids don't share draws.
    """
    one_of("shuffle", shuffle, (True, False))
    shown = list(range(count))
    if keep is not None and keep < count:
        assert right is not None
        shown = [right]
        wrong = [option for option in range(count) if option != right]
        for place in range(1, keep):
            pool = [option for option in wrong if option in preferred] or wrong
            drawn = pool[derive_seed(f"{stream} distractor", id, *range(2, place + 1)) % len(pool)]
            shown.append(drawn)
            wrong.remove(drawn)
    if not shuffle:
        return tuple(sorted(shown))
    for last in range(len(shown) - 1, 0, -1):  # Fisher and Yates
        other = last - derive_seed(f"{stream} order", id, *range(2, last + 1)) % (last + 1)
        shown[last], shown[other] = shown[other], shown[last]
    return tuple(shown)
