"""How models that vLLM runs in this process are named: ``vllm:MODEL``."""

from __future__ import annotations

PREFIX = "vllm:"


def is_vllm_spec(spec: str) -> bool:
    """Whether this names a model that vLLM is to run."""
    return spec.startswith(PREFIX)
