"""``vllm:MODEL``: which names are vLLM's to load. Apart from the rest, for whoever only has to tell names apart."""

from __future__ import annotations

PREFIX = "vllm:"


def is_vllm_spec(spec: str) -> bool:
    """Whether this names a model that vLLM is to run."""
    return spec.startswith(PREFIX)
