"""Models that vLLM runs in this process: for a GPU, where thousands of games are in flight.

``"vllm:MODEL"`` names one wherever a player's name is taken. Prompts and labels have the same token ids as with
transformers (``models/hf/chat.py``); only the forward passes and the sampling are vLLM's. Its samples carry the ids
that were drawn and their log-probabilities, so that training can use them; the weights themselves are vLLM's and can't
be trained here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes

if TYPE_CHECKING:
    from oversight_envs.models.vllm.loading import VllmOptions
    from oversight_envs.models.vllm.model import VllmModel

__all__ = ["VllmModel", "VllmOptions"]

__getattr__: Any = lazy_attributes(
    __name__,
    {"VllmModel": "oversight_envs.models.vllm.model", "VllmOptions": "oversight_envs.models.vllm.loading"},
)
