"""Models that llama.cpp runs in this process: quantised .gguf files on a CPU, which write a single reply faster.

``"llama:FILE.gguf"`` names one wherever a player's name is taken. Prompts and labels have the same token ids as with
transformers, and tokens are drawn as there (``models/hf/sampling.py``), each sample from a random stream of its own;
only the forward passes are llama.cpp's. The weights can't be trained here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes

if TYPE_CHECKING:
    from oversight_envs.models.llama.loading import LlamaOptions
    from oversight_envs.models.llama.model import LlamaModel

__all__ = ["LlamaModel", "LlamaOptions"]

__getattr__: Any = lazy_attributes(
    __name__,
    {"LlamaModel": "oversight_envs.models.llama.model", "LlamaOptions": "oversight_envs.models.llama.loading"},
)
