"""The tiny models' games and tokenizers."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from oversight_envs.core.episode import Episode
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.tiny import TinyConfig, arithmetic_tokenizer, stories_tokenizer
from oversight_envs.protocols import Debate, ProverVerifier

DEBATE = Debate(wording="tiny_debate")


GAME = ProverVerifier(wording="tiny_prover_verifier")


def config(tokenizer: Any, **options: Any) -> TinyConfig:
    return TinyConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        answer_token_id=tokenizer.convert_tokens_to_ids("<assistant>"),
        **options,
    )


def seeded(make: Any, seed: int = 0) -> Any:
    with torch.random.fork_rng():
        torch.random.manual_seed(seed)
        return make()


@cache
def tokenizer_for(task: str) -> Any:
    return stories_tokenizer() if task == "stories" else arithmetic_tokenizer()


@cache
def chat_for(task: str) -> ChatEncoder:
    return ChatEncoder(tokenizer_for(task), task)


def play(protocol: Protocol, question: Question, seed: int, says: Any) -> list[Any]:
    """Every ask of an episode in which ``says(ask)`` answers the speakers."""
    asks = []
    episode = Episode(protocol, question, seed)
    while not episode.done:
        ask = episode.asks[0]
        asks.append(ask)
        episode.answer(ask, says(ask) if ask.duty == "say" else "A" if ask.duty == "decide" else 0.0)
    return asks
