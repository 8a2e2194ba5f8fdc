"""Random models with real or word-level tokenizers, and prompts to put to them."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.models import Generation, LanguageModel, load

PASSAGE = "The lighthouse keeper counted the ships twice every night. " * 12


def tiny_config(vocabulary: int, **options: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.2,  # large enough for distributions that differ visibly from prompt to prompt
        pad_token_id=2,
        eos_token_id=2,
        bos_token_id=1,
        **options,
    )


def seeded(make: Any, seed: int = 0) -> Any:
    """Builds a random model without touching the global random state."""
    with torch.random.fork_rng():
        torch.random.manual_seed(seed)
        return make()


@cache
def random_model() -> LanguageModel:
    """A random model with SmolLM2's tokenizer: real ids, no time."""
    tokenizer = load("smollm2-135m").tokenizer
    model = seeded(lambda: LlamaForCausalLM(tiny_config(len(tokenizer))))
    return LanguageModel(model, tokenizer, name="tiny", max_batch=4)


def fresh(lm: LanguageModel, **options: Any) -> LanguageModel:
    """The same weights with nothing kept of earlier prompts."""
    return LanguageModel(lm.model, lm.tokenizer, name=lm.name, **options)


def word_model(words: str = "a b c d e f", **options: Any) -> LanguageModel:
    """A tiny model with a word-level tokenizer whose control tokens are ordinary vocabulary entries too."""
    vocabulary = {word: i for i, word in enumerate(["<unk>", "<user>", "<end>", "<assistant>", *words.split()])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        eos_token="<end>",
        extra_special_tokens=["<user>", "<assistant>"],
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}> {{ m.content }} <end> {% endfor %}"
        "{% if add_generation_prompt %}<assistant> {% endif %}"
    )
    model = seeded(lambda: LlamaForCausalLM(tiny_config(len(vocabulary))))
    return LanguageModel(model, tokenizer, name="words", **options)


def user(text: str) -> Prompt:
    return (Message("user", text),)


def plain_logits(lm: LanguageModel, ids: list[int]) -> torch.Tensor:
    """Logits after every token, [length, vocabulary], from one plain forward pass."""
    with torch.no_grad():
        logits: torch.Tensor = lm.model(torch.tensor([ids])).logits[0]
    return logits


PROMPTS = [
    user("Hi."),
    user("Is the sky green? Give a reason."),
    *[user(f"{PASSAGE}\n\nQuestion {i}: how often{' and why' * i}?") for i in range(5)],
    user("Count to ten, " * 30),
    user(f"{PASSAGE}\n\nQuestion 3: how often{' and why' * 3}?"),
]


def requests(count: int = len(PROMPTS), **options: Any) -> list[Generation]:
    return [
        Generation(PROMPTS[i % len(PROMPTS)], seed=100 + i, max_new_tokens=8 + i % 5, **options) for i in range(count)
    ]


def about(seed: int = 0) -> tuple[str, str, str, int]:
    """What asks say of their question and episode: id, question, no passage, and the episode's seed."""
    return "q", "Is it so?", "", seed
