"""How threads wait, decided before torch is loaded: so that a busy machine costs no more than its share."""

from __future__ import annotations

import os

THROTTLED = "1000"
"""libgomp's own count where threads outnumber processors. Its default is 300 times as much: where another program has
one of two processors, the thread on the other one spins away its time at every step (25 tokens of SmolLM2 took 18 CPU
seconds instead of 3, on a machine with five other jobs)."""


def share_processors() -> None:
    """Lets OpenMP threads sleep soon while they wait for each other, unless the user has set how they wait."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", THROTTLED)
