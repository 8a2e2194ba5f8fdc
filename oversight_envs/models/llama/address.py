"""How models that llama.cpp runs in this process are named: ``llama:FILE.gguf``."""

from __future__ import annotations

PREFIX = "llama:"


def is_llama_spec(spec: str) -> bool:
    """Whether this names a model that llama.cpp is to run."""
    return spec.startswith(PREFIX)
