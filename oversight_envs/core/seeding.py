"""Seeds derived from seeds, so that every random draw has a stream of its own.

Python's ``hash()`` is salted per process and a shared generator makes results depend on the order of the draws;
a cryptographic digest of what the draw *is* (episode seed, role, turn) has neither fault.
"""

from __future__ import annotations

from hashlib import blake2b


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and on nothing else, the same in every process and on every machine."""
    digest = blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1
