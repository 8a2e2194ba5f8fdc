"""Small models and games that training is tested on: their optimum is known, and a step takes milliseconds."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.protocol import Game, Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Assignment, Role, Say, Turn
from oversight_envs.core.rewards import nobody
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Speech
from oversight_envs.judges.language_model import LogitJudge
from oversight_envs.models import LanguageModel
from oversight_envs.play import rollout
from oversight_envs.protocols.debate import Debate
from oversight_envs.training import PPO, LabelledSolution, PPOConfig, TextPolicy

WORDS = "red green blue pink grey gold A B What is it Answer : Debater Judge true false yes no"


def tokenizer(words: str = WORDS, template: bool = True) -> PreTrainedTokenizerFast:
    vocabulary = {w: i for i, w in enumerate(["<unk>", "<user>", "<end>", "<assistant>", "<system>", *words.split()])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        eos_token="<end>",
        extra_special_tokens=["<user>", "<assistant>", "<system>"],
    )
    if template:
        made.chat_template = (
            "{% for m in messages %}<{{ m.role }}> {{ m.content }} <end> {% endfor %}"
            "{% if add_generation_prompt %}<assistant> {% endif %}"
        )
    return made


def config(vocabulary: int, **options: Any) -> LlamaConfig:
    return LlamaConfig(
        **{
            "vocab_size": vocabulary,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "initializer_range": 0.1,
            "pad_token_id": None,
            "eos_token_id": 2,
            "bos_token_id": 1,
            **options,
        }
    )


def seeded(make: Any, seed: int = 0) -> Any:
    """Builds a random model without touching the global random state."""
    with torch.random.fork_rng():
        torch.random.manual_seed(seed)
        return make()


def tiny(seed: int = 0, words: str = WORDS, **options: Any) -> LanguageModel:
    made = tokenizer(words)
    model = seeded(lambda: LlamaForCausalLM(config(len(made), **options)), seed)
    return LanguageModel(model, made, name="tiny")


# --- a game of one speaker


@dataclass(frozen=True, kw_only=True)
class Monologue(Protocol):
    """One speaker says something, ``turns`` times; in between it hears a word from someone else."""

    turns: int = 1
    name: ClassVar[str] = "monologue"
    reward: ClassVar = nobody
    roles: ClassVar = {"speaker_0": Role("speaker", ("say",))}

    def play(self, question: Question, assigned: Assignment, rng: np.random.Generator) -> Game:
        prompt: Prompt = (Message("user", question.text),)
        for _ in range(self.turns):
            said = (yield Say({"speaker_0": prompt}))["speaker_0"]
            prompt += (Message("assistant", said.text, said.token_ids), Message("user", "green it"))
        return None


class Colours(Task):
    name, split = "colours", "all"

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Question:
        if not 0 <= index < 2:
            raise IndexError(index)
        return Question(f"q{index}", ("What is it", "is it gold")[index])


def replies(record: Record) -> list[Speech]:
    return [entry.reply for entry in record.entries if isinstance(entry.reply, Speech)]


def pay_for_red(records: Sequence[Record]) -> list[dict[str, float]]:
    """The share of drawn tokens that are "red"."""
    rows = []
    for record in records:
        words = " ".join(s.text for s in replies(record)).split()
        tokens = sum(len(s.token_ids) for s in replies(record))
        rows.append({"speaker_0": words.count("red") / tokens})
    return rows


def play(policy: Any, *, samples: int = 16, turns: int = 1, seed: int = 0, reward: Any = pay_for_red) -> list[Record]:
    return rollout(
        Monologue(turns=turns),
        Colours(),
        {"speaker_0": policy},
        samples=samples,
        seed=seed,
        reward=reward,
        concurrency=2 * samples,
    )


def train(policy: TextPolicy, settings: PPOConfig, steps: int, **options: Any) -> tuple[PPO, list[dict[str, float]]]:
    ppo = PPO(policy, ["speaker_0"], settings)
    return ppo, [ppo.step(play(policy, seed=derive_seed("step", step), **options)) for step in range(steps)]


def weights(ppo: PPO) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in ppo.tensors().items()}


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# --- debates that a judge can learn from


class Lies(Task):
    """The right answer is the one that a debater calls true: a task that a judge can learn from the words alone."""

    name, split = "lies", "all"

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> Question:
        if not 0 <= index < 24:
            raise IndexError(index)
        colours = WORDS.split()[:6]
        pair = (colours[index % 6], colours[(index // 6 + 1 + index) % 6])
        return Question(f"lie-{index}", "What is it", pair, truth=index % 2)


class Honest:
    """Says ``true`` on the right side and ``false`` on the other."""

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        truths = {q.id: q.options[int(q.truth or 0)] for q in Lies()}
        return ["true true" if t.argues_for == truths[t.question_id] else "false false" for t in turns]


def debates(judge: Any, seed: int = 0, **options: Any) -> list[Record]:
    players = {"debater_0": Honest(), "debater_1": Honest(), "judge_0": judge}
    return rollout(Debate(rounds=1, quotes=False, scratchpad=False, **options), Lies(), players, seed=seed)


def judge_model() -> LanguageModel:
    """A judge that can read a debate's prompt: its words are in the vocabulary."""
    words = dict.fromkeys(WORDS.split())
    for record in debates(LogitJudge(tiny(max_position_embeddings=4096)), both_orders=True):
        for entry in record.entries:
            words |= dict.fromkeys(word for message in entry.prompt for word in message.content.split())
    made = tokenizer(" ".join(word for word in words if not word.startswith("<")))
    options = {"max_position_embeddings": 4096, "initializer_range": 0.05}
    return LanguageModel(seeded(lambda: LlamaForCausalLM(config(len(made), **options))), made, name="judge")


# --- solutions that a verifier can learn from


def attempts(count: int = 40) -> list[LabelledSolution]:
    """A solution is right if it says "true" somewhere; which words stand around it says nothing."""
    rng = random.Random(0)
    colours = WORDS.split()[:6]
    made = []
    for i in range(count):
        for right in (True, True, False) if i % 4 else (True, True, True):
            words = rng.choices(colours, k=rng.randint(2, 6))
            words.insert(rng.randrange(len(words)), "true" if right else "false")
            made.append(LabelledSolution(f"p{i}", "What is it", " ".join(words), right))
    return made


class Bag(nn.Module):
    """V as the sum of one number for each token: the least that can be a verifier."""

    def __init__(self) -> None:
        super().__init__()
        self.worth = nn.Embedding(64, 1)
        nn.init.zeros_(self.worth.weight)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return (self.worth(input_ids)[..., 0] * attention_mask).sum(-1)
