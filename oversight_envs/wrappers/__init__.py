"""Bridges to external RL libraries: games of texts as environments of arrays.

``CandidatesEnv``: the learner chooses among proposed speeches. ``TokensEnv``: it writes them token by token. Both are
Gymnasium environments with Box and Discrete spaces over any single-agent environment of this library. The rest serves
Stable-Baselines3: ``BatchedVecEnv`` steps many games with one call to each player, ``CandidatesPolicy`` and
``CausalLMPolicy`` are ready policies. What needs torch or SB3 is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes
from oversight_envs.wrappers.candidates import CandidatesEnv
from oversight_envs.wrappers.encoders import HashingEncoder, TextEncoder

if TYPE_CHECKING:
    from oversight_envs.wrappers.candidate_policy import CandidatesPolicy
    from oversight_envs.wrappers.causal_policy import CausalLMPolicy
    from oversight_envs.wrappers.model_encoders import HiddenStateEncoder, SentenceEncoder
    from oversight_envs.wrappers.tokens import TokensEnv
    from oversight_envs.wrappers.vector import BatchedVecEnv

__all__ = [
    "BatchedVecEnv",
    "CandidatesEnv",
    "CandidatesPolicy",
    "CausalLMPolicy",
    "HashingEncoder",
    "HiddenStateEncoder",
    "SentenceEncoder",
    "TextEncoder",
    "TokensEnv",
]

__getattr__: Any = lazy_attributes(
    __name__,
    {
        "BatchedVecEnv": "oversight_envs.wrappers.vector",
        "CandidatesPolicy": "oversight_envs.wrappers.candidate_policy",
        "CausalLMPolicy": "oversight_envs.wrappers.causal_policy",
        "HiddenStateEncoder": "oversight_envs.wrappers.model_encoders",
        "SentenceEncoder": "oversight_envs.wrappers.model_encoders",
        "TokensEnv": "oversight_envs.wrappers.tokens",
    },
    extra="sb3",
)
