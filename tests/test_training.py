"""Training: against reference computations, on games whose optimum is known, and through crashes."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.judges.language_model import LogitJudge
from oversight_envs.judges.reward_model import RewardModelVerifier
from oversight_envs.models import LanguageModel, load
from oversight_envs.prompt import Message, Prompt
from oversight_envs.protocol import Duty, Game, Outcome, Protocol, Say, Speech
from oversight_envs.protocols.debate import Debate
from oversight_envs.protocols.direct import Direct
from oversight_envs.question import Question, Task
from oversight_envs.record import Record
from oversight_envs.rollout import rollout
from oversight_envs.seeding import derive_seed
from oversight_envs.training import (
    PPO,
    Attempt,
    CheckpointError,
    Checkpoints,
    DivergenceError,
    JudgeConfig,
    JudgeTrainer,
    MetricsLog,
    OutOfMemoryError,
    PPOConfig,
    TextPolicy,
    VerifierConfig,
    VerifierTrainer,
    add_lora,
    balanced_pairs,
    collect,
    judge_examples,
    read_metrics,
)
from oversight_envs.training.advantages import centred, gae, leave_one_out, scaled, with_reward
from oversight_envs.training.batching import by_tokens, padded_tokens, shuffled_minibatches
from oversight_envs.training.checkpoint import whole_folder
from oversight_envs.training.estimators import with_critic, without_critic
from oversight_envs.training.losses import clipped_loss, kl_k3, value_loss
from oversight_envs.training.samples import Piece, Trajectory
from oversight_envs.training.verifiers import contrastive_loss, cross_entropy_loss

WORDS = "red green blue pink grey gold A B What is it Answer : Debater Judge true false yes no"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


# --- games whose optimum is known


@dataclass(frozen=True, kw_only=True)
class Monologue(Protocol):
    """One speaker says something, ``turns`` times; in between it hears a word from someone else."""

    turns: int = 1
    name: ClassVar[str] = "monologue"
    reward: ClassVar[str] = "logit"

    @property
    def duties(self) -> Mapping[str, frozenset[Duty]]:
        return {"speaker_0": frozenset({"say"})}

    def play(self, question: Question, rng: np.random.Generator) -> Game:
        prompt: Prompt = (Message("user", question.text),)
        for _ in range(self.turns):
            said = (yield Say({"speaker_0": prompt}))["speaker_0"]
            prompt += (Message("assistant", said.text, said.token_ids), Message("user", "green it"))
        return Outcome()


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


@pytest.mark.parametrize("estimator", ["gae", "rloo", "grpo", "reinforce"])
def test_every_estimator_learns_to_say_the_word_that_pays(estimator: Any) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    settings = PPOConfig(
        estimator=estimator, learning_rate=3e-3, kl_coef=0.01, epochs=2, minibatches=2, lr_multipliers={"value_head": 5}
    )
    _, log = train(policy, settings, 25)
    assert log[0]["reward"] < 0.15
    assert log[-1]["reward"] > 0.9
    assert log[0]["drawn_gap"] < 1e-4  # the probabilities of training are those of sampling


def speeches(policy: TextPolicy, prompt: list[int], left: int) -> dict[tuple[int, ...], float]:
    """The probability of every speech of at most ``left`` tokens."""
    with torch.no_grad():
        probabilities = policy.lm.model(torch.tensor([prompt])).logits[0, -1].softmax(-1).tolist()
    found = {}
    for token, p in enumerate(probabilities):
        ended = left == 1 or token in policy.lm.chat.end_ids
        rest = {(): 1.0} if ended else speeches(policy, [*prompt, token], left - 1)
        found |= {(token, *more): p * q for more, q in rest.items()}
    return found


@pytest.mark.parametrize("estimator", ["gae", "rloo"])
def test_a_strong_kl_penalty_leads_to_the_closed_form(estimator: Any) -> None:
    """Over all speeches of up to two tokens: the optimum is pi proportional to pi_ref exp(r / beta)."""
    beta = 0.5
    policy = TextPolicy(tiny(words="red green blue"), max_new_tokens=2)
    end = policy.lm.tokenizer.eos_token_id
    worth = {"red": 0.5, "green red": 1.0, "blue blue": 0.8, "red red": -0.5}

    def pay(records: Sequence[Record]) -> list[dict[str, float]]:
        return [{"speaker_0": worth.get(replies(record)[0].text, 0.0)} for record in records]

    def reward(speech: tuple[int, ...]) -> float:
        return worth.get(policy.lm.chat.decode(speech[:-1] if speech[-1] == end else speech), 0.0)

    prompts = [policy.lm.encode((Message("user", question.text),)) for question in Colours()]
    best = []
    for prompt in prompts:
        weighed = {speech: p * math.exp(reward(speech) / beta) for speech, p in speeches(policy, prompt, 2).items()}
        best.append({speech: p / sum(weighed.values()) for speech, p in weighed.items()})

    def distance() -> float:
        """Total variation, of the worse question."""
        now = [speeches(policy, prompt, 2) for prompt in prompts]
        return max(sum(abs(a[speech] - b[speech]) for speech in a) / 2 for a, b in zip(now, best, strict=True))

    before = distance()
    settings = PPOConfig(
        estimator=estimator, learning_rate=4e-3, schedule="linear", total_steps=60, kl_coef=beta, normalise=False,
        epochs=2, minibatches=2, max_grad_norm=10.0,
    )  # fmt: skip
    train(policy, settings, 60, samples=128, reward=pay)
    assert before > 0.1
    assert distance() < 0.1 * before, (before, distance())


# --- against reference computations


def test_gae_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 7):
        rewards, values = rng.normal(size=n), rng.normal(size=n + 1)
        values[n] = 0.0  # after the last token
        for lam in (0.0, 0.9, 1.0):
            deltas = [rewards[t] + values[t + 1] - values[t] for t in range(n)]
            want = [sum(lam ** (k - t) * deltas[k] for k in range(t, n)) for t in range(n)]
            got = gae(torch.tensor(rewards), torch.tensor(values[:n]), lam)
            assert got.tolist() == pytest.approx(want)
        to_go = [rewards[t:].sum() - values[t] for t in range(n)]
        assert gae(torch.tensor(rewards), torch.tensor(values[:n]), 1.0).tolist() == pytest.approx(to_go)


def test_group_baselines_are_their_formulas() -> None:
    returns = torch.tensor([1.0, 4.0, -2.0, 0.5], dtype=torch.float64)
    others = [sum(float(r) for j, r in enumerate(returns) if j != i) / 3 for i in range(4)]
    assert leave_one_out(returns).tolist() == pytest.approx([float(r) - o for r, o in zip(returns, others)])
    assert leave_one_out(returns[:1]).tolist() == [0.0]
    deviation = math.sqrt(sum((float(r) - 0.875) ** 2 for r in returns) / 4)
    want = [(float(r) - 0.875) / (deviation + 1e-4) for r in returns]
    assert scaled(centred(returns), returns).tolist() == pytest.approx(want)


def test_the_kl_estimator_is_unbiased_and_not_negative() -> None:
    p, q = torch.tensor([0.6, 0.3, 0.1]).log(), torch.tensor([0.2, 0.5, 0.3]).log()
    numbers = kl_k3(p, q)
    assert (numbers >= 0).all()
    assert float((p.exp() * numbers).sum()) == pytest.approx(float((p.exp() * (p - q)).sum()))


def test_clipped_losses_and_gradients_are_those_of_a_naive_computation() -> None:
    rng = np.random.default_rng(1)
    new, old, advantages, values, before, returns = rng.normal(size=(6, 40))
    old = new + 0.3 * rng.normal(size=40)
    log_probs = torch.tensor(new, requires_grad=True)
    loss = clipped_loss(log_probs, torch.tensor(old), torch.tensor(advantages), 0.2)
    loss.sum().backward()
    for t in range(40):
        ratio = math.exp(new[t] - old[t])
        assert loss.tolist()[t] == pytest.approx(-min(ratio * advantages[t], max(0.8, min(1.2, ratio)) * advantages[t]))
        flat = (ratio > 1.2 and advantages[t] > 0) or (ratio < 0.8 and advantages[t] < 0)
        assert log_probs.grad is not None
        assert float(log_probs.grad[t]) == pytest.approx(0.0 if flat else -ratio * advantages[t])
    for clip in (None, 0.3):
        got = value_loss(torch.tensor(values), torch.tensor(before), torch.tensor(returns), clip)
        for t in range(40):
            held = before[t] + max(-0.3, min(0.3, values[t] - before[t]))
            want = max((values[t] - returns[t]) ** 2, 0.0 if clip is None else (held - returns[t]) ** 2) / 2
            assert float(got[t]) == pytest.approx(want)


def trajectory(reward: float, length: int, role: str = "speaker_0", question: str = "q") -> Trajectory:
    piece = Piece(tuple(range(length + 1)), tuple(range(1, length + 1)), (-1.0,) * length)
    return Trajectory(role, ("", question, role, ""), reward, (piece,))


def zeros(trajectories: Sequence[Trajectory]) -> list[torch.Tensor]:
    return [torch.zeros(len(t.pieces[0].own)) for t in trajectories]


def test_advantages_are_whitened_for_each_role_apart() -> None:
    rng = np.random.default_rng(2)
    made = [trajectory(float(rng.normal(3 * i, 1)), 4, role) for i, role in enumerate(["a_0", "b_0"] * 5)]
    values = [torch.tensor(rng.normal(size=4), dtype=torch.float32) for _ in made]
    found = with_critic(made, zeros(made), values, lam=0.9, normalise=True)
    for role in ("a_0", "b_0"):
        tokens = torch.cat([a for a, t in zip(found.advantages, made) if t.role == role])
        assert float(tokens.mean()) == pytest.approx(0, abs=1e-6)
        assert float(tokens.std(correction=0)) == pytest.approx(1, abs=1e-3)
    for v, r, t in zip(values, found.returns, made):
        assert torch.allclose(r, gae(with_reward(torch.zeros(4), t.reward), v, 0.9) + v)


@pytest.mark.parametrize("estimator", ["gae", "rloo", "grpo", "reinforce"])
def test_equal_rewards_give_no_advantage(estimator: Any) -> None:
    made = [trajectory(0.1, 3), trajectory(0.1, 2), trajectory(0.1, 3)]
    penalties, values = zeros(made), [torch.randn(len(t.pieces[0].own)) for t in made]
    if estimator == "gae":
        found = with_critic(made, penalties, values, lam=0.95, normalise=True)
    else:
        found = without_critic(made, penalties, estimator, normalise=True)
    assert all((a == 0).all() for a in found.advantages)
    assert found.incomparable == 3


def test_groups_of_one_can_not_be_compared() -> None:
    made = [trajectory(1.0, 2, question="a"), trajectory(0.0, 2, question="b"), trajectory(1.0, 2, question="b")]
    found = without_critic(made, zeros(made), "rloo", normalise=False)
    assert [a.tolist() for a in found.advantages] == [[0, 0], [-1, -1], [1, 1]]
    assert found.incomparable == 1
    with pytest.raises(ValueError, match="every group has one"):
        without_critic(made[:2], zeros(made[:2]), "grpo", normalise=True)


def naive_step(policy: TextPolicy, records: Sequence[Record], settings: PPOConfig) -> dict[str, torch.Tensor]:
    """One update on one big batch, token by token, from the papers' formulas and plain forward passes."""
    policy = deepcopy(policy)
    reference = deepcopy(policy.lm.model)
    rows = []
    for record in records:
        ids: list[int] = []
        own: list[int] = []
        for entry in record.entries:
            assert isinstance(entry.reply, Speech)
            ids = policy.lm.encode(entry.prompt)
            own += range(len(ids), len(ids) + len(entry.reply.token_ids))
            ids += entry.reply.token_ids
        rows.append((ids, own, record.rewards["speaker_0"]))
    outputs = []
    for ids, own, reward in rows:
        out = policy.lm.model(torch.tensor([ids]), output_hidden_states=True)
        log_softmax = (out.logits[0] / policy.temperature).log_softmax(-1)
        ref = (reference(torch.tensor([ids])).logits[0] / policy.temperature).log_softmax(-1).detach()
        value = policy.value_head(out.hidden_states[-1][0])[:, 0]
        kl = [(log_softmax[t - 1, ids[t]] - ref[t - 1, ids[t]]).item() for t in own]
        values = [value[t - 1].item() for t in own] + [0.0]
        deltas = [-settings.kl_coef * k + values[j + 1] - values[j] for j, k in enumerate(kl)]
        deltas[-1] += reward
        adv = [sum(settings.lam ** (k - j) * deltas[k] for k in range(j, len(own))) for j in range(len(own))]
        outputs.append((ids, own, log_softmax, value, adv, [a + v for a, v in zip(adv, values)]))
    flat = np.array([a for *_, adv, _ in outputs for a in adv])
    total, loss = len(flat), torch.zeros(())
    for ids, own, log_softmax, value, adv, returns in outputs:
        for t, a, r in zip(own, adv, returns):
            a = (a - flat.mean()) / (flat.std() + 1e-4)
            log_prob = log_softmax[t - 1, ids[t]]
            entropy = -(log_softmax[t - 1].exp() * log_softmax[t - 1]).sum()
            loss = loss - (log_prob - log_prob.detach()).exp() * a / total
            loss = loss + settings.value_coef * (value[t - 1] - r) ** 2 / 2 / total
            loss = loss - settings.entropy_coef * entropy / total
    loss.backward()
    return {name: p.grad for name, p in policy.parameters().items() if p.grad is not None}


@pytest.mark.parametrize("max_batch_tokens", [100_000, 40])
def test_a_step_has_the_gradient_of_a_naive_computation_however_it_is_cut(
    max_batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=4, temperature=0.8)
    nn.init.normal_(policy.value_head.weight, std=0.3, generator=torch.Generator().manual_seed(0))
    played = play(policy, samples=10, turns=2)
    samples = collect(played, policy.lm, ["speaker_0"])
    records = [r for r, made in zip(played, samples.trajectories, strict=True) if len(made.pieces) == 1]
    assert len(records) >= 5
    settings = PPOConfig(entropy_coef=0.01, kl_coef=0.1, lam=0.9, max_batch_tokens=max_batch_tokens, max_grad_norm=1e9)
    want = naive_step(policy, records, settings)
    ppo = PPO(policy, ["speaker_0"], settings)
    got = {}
    update = ppo.optimiser.update
    monkeypatch.setattr(
        ppo.optimiser,
        "update",
        lambda: (got.update({n: p.grad.clone() for n, p in ppo.optimiser.parameters.items()}), update())[1],  # type: ignore[union-attr]
    )
    ppo.step(records)
    assert got.keys() == want.keys()
    for name in want:
        assert torch.allclose(got[name], want[name], atol=1e-5, rtol=1e-3), name


def test_batches_keep_within_their_tokens_and_lose_nothing() -> None:
    rng = np.random.default_rng(3)
    lengths = [int(n) for n in rng.integers(1, 60, size=50)]
    batches = by_tokens(lengths, 100)
    assert sorted(i for batch in batches for i in batch) == list(range(50))
    assert all(padded_tokens(lengths, batch) <= 100 for batch in batches)
    assert by_tokens([500, 3], 100) == [[0], [1]]
    cuts = shuffled_minibatches(lengths, 4, rng)
    assert sorted(i for cut in cuts for i in cut) == list(range(50))
    assert len(cuts) == 4
    assert all(abs(sum(lengths[i] for i in cut) - sum(lengths) / 4) < 60 for cut in cuts)
    assert len(shuffled_minibatches([5, 5], 8, rng)) == 2


# --- samples


def test_turns_of_an_episode_are_one_sequence_and_only_own_tokens_count() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=4)
    records = play(policy, samples=8, turns=3)
    samples = collect(records, policy.lm, ["speaker_0"])
    merged = 0
    for record, made in zip(records, samples.trajectories, strict=True):
        drawn = [token for speech in replies(record) for token in speech.token_ids]
        assert [piece.ids[t] for piece in made.pieces for t in piece.own] == drawn
        said = [log_prob for speech in replies(record) for log_prob in speech.log_probs]
        assert [p for piece in made.pieces for p in piece.log_probs] == said
        assert made.reward == record.rewards["speaker_0"]
        if len(made.pieces) == 1:
            merged += 1
            last = record.entries[-1]
            assert made.pieces[0].ids == (*policy.lm.encode(last.prompt), *replies(record)[-1].token_ids)
    assert merged >= 4
    assert samples.split == len(records) - merged
    pieces = [piece for made in samples.trajectories for piece in made.pieces]
    now = policy.evaluate(pieces)
    assert torch.allclose(now.log_probs, torch.tensor([p for piece in pieces for p in piece.log_probs]), atol=1e-5)
    assert now.values.tolist() == [0.0] * len(now.values)  # the head starts at zero
    assert (now.entropies > 0).all()


def test_other_peoples_tokens_have_no_gradient() -> None:
    policy = TextPolicy(tiny(tie_word_embeddings=False), max_new_tokens=4)
    piece = collect(play(policy, samples=2, turns=2), policy.lm, ["speaker_0"]).trajectories[0].pieces[0]
    assert len(piece.own) < len(piece.ids)
    logits: list[torch.Tensor] = []
    model = policy.lm.model

    def keep(module: Any, args: Any, out: torch.Tensor) -> None:
        out.retain_grad()
        logits.append(out)

    hook = model.lm_head.register_forward_hook(keep)
    policy.evaluate([piece]).log_probs.sum().backward()
    hook.remove()
    assert logits[0].grad is not None
    first = len(piece.ids) - logits[0].shape[1]
    reached = {first + int(i) + 1 for i in logits[0].grad[0].abs().sum(-1).nonzero()[:, 0]}
    assert reached == set(piece.own)


def speech(ids: tuple[int, ...]) -> Speech:
    return Speech("", ids, (-1.0,) * len(ids))


def with_reply(record: Record, reply: Speech) -> Record:
    return replace(record, entries=(replace(record.entries[0], reply=reply), *record.entries[1:]))


def test_odd_records_are_counted_or_refused() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=2)
    records = play(policy, samples=2)
    end = policy.lm.tokenizer.eos_token_id
    only_end = collect([with_reply(records[0], speech((end,))), *records[1:]], policy.lm, ["speaker_0"])
    assert [only_end.trajectories[0].pieces[0].ids[t] for t in only_end.trajectories[0].pieces[0].own] == [end]
    nothing = collect([with_reply(records[0], speech(())), *records[1:]], policy.lm, ["speaker_0"])
    assert (nothing.unspoken, len(nothing.trajectories)) == (1, 3)
    no_reward = collect([replace(records[0], rewards={}), *records[1:]], policy.lm, ["speaker_0"])
    assert (no_reward.unrewarded, len(no_reward.trajectories)) == (1, 3)
    with pytest.raises(ValueError, match="nothing to train speaker_1"):
        collect(records, policy.lm, ["speaker_1"])
    with pytest.raises(ValueError, match="another model's"):
        collect([with_reply(records[0], speech((10**6,)))], policy.lm, ["speaker_0"])
    with pytest.raises(ValueError, match="log-probabilities"):
        collect([with_reply(records[0], Speech("", (1, 2), (-1.0,)))], policy.lm, ["speaker_0"])
    ppo = PPO(policy, ["speaker_0"])
    before = weights(ppo)
    assert ppo.step([with_reply(records[0], speech((end,))), *records[1:]])["tokens"] > 0
    after = weights(ppo)
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match=f"speaker_0 on question .* is {bad}"):
            ppo.step(records, [{"speaker_0": bad}] * len(records))
    assert same(weights(ppo), after)
    assert not same(before, after)


def test_a_cut_speech_starts_a_new_piece_and_the_reward_stays_on_the_last() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=2)
    record = play(policy, samples=1, turns=2)[0]
    said = Message("assistant", "pink pink pink")
    cut: Prompt = tuple(message if message.role == "user" else said for message in record.entries[1].prompt)
    record = replace(record, entries=(record.entries[0], replace(record.entries[1], prompt=cut)))
    samples = collect([record], policy.lm, ["speaker_0"])
    assert samples.split == 1
    assert len(samples.trajectories[0].pieces) == 2
    assert PPO(policy, ["speaker_0"]).step([record])["tokens"] == sum(len(s.token_ids) for s in replies(record))


def test_control_characters_in_a_speech_do_not_lose_its_ids() -> None:
    made = tokenizer("red \x07red")
    lm = LanguageModel(seeded(lambda: LlamaForCausalLM(config(len(made)))), made, name="bell")
    policy = TextPolicy(lm, max_new_tokens=6)
    for record in play(policy, samples=8):
        assert all(s.token_ids and "\x07" not in s.text for s in replies(record))


# --- the policy


def test_full_training_leaves_the_given_model_and_the_reference_alone() -> None:
    lm = tiny()
    before = deepcopy(lm.model.state_dict())
    policy = TextPolicy(lm, max_new_tokens=3)
    records = play(policy)
    pieces = [p for t in collect(records, policy.lm, ["speaker_0"]).trajectories for p in t.pieces]
    reference = policy.reference_log_probs(pieces)
    assert torch.allclose(reference, policy.evaluate(pieces).log_probs, atol=1e-6)
    PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-2)).step(records)
    assert torch.equal(policy.reference_log_probs(pieces), reference)
    assert not torch.allclose(reference, policy.evaluate(pieces).log_probs, atol=1e-3)
    assert same(before, lm.model.state_dict())


def test_an_adapter_is_all_that_changes_and_the_reference_is_the_model_without_it() -> None:
    from peft import LoraConfig

    lm = tiny()
    shape = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"])
    state = torch.random.get_rng_state()
    policy = TextPolicy(lm, lora=shape, max_new_tokens=3, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert same(weights(PPO(policy, ["speaker_0"])), weights(PPO(TextPolicy(lm, lora=shape, seed=1), ["speaker_0"])))
    frozen = {n: p.detach().clone() for n, p in policy.lm.model.named_parameters() if not p.requires_grad}
    assert all("lora" in name or "value_head" in name for name in policy.parameters())
    assert policy.description["adapter"]["lora_alpha"] == 8
    _, log = train(policy, PPOConfig(estimator="rloo", learning_rate=2e-2, kl_coef=0.01, epochs=2), 12)
    assert log[-1]["reward"] > log[0]["reward"] + 0.3
    now = dict(policy.lm.model.named_parameters())
    assert all(torch.equal(now[name], tensor) for name, tensor in frozen.items())
    pieces = [p for t in collect(play(policy), policy.lm, ["speaker_0"]).trajectories for p in t.pieces]
    plain = TextPolicy(lm).evaluate(pieces).log_probs
    assert torch.allclose(policy.reference_log_probs(pieces), plain, atol=1e-6)
    assert not torch.allclose(policy.evaluate(pieces).log_probs, plain, atol=1e-2)


@pytest.mark.parametrize("adapter", [False, True])
def test_a_saved_policy_is_a_plain_model_folder(adapter: bool, tmp_path: Path) -> None:
    from peft import LoraConfig

    lora = LoraConfig(r=2, target_modules=["q_proj", "v_proj"]) if adapter else None
    policy = TextPolicy(tiny(), lora=lora, max_new_tokens=3)
    train(policy, PPOConfig(learning_rate=1e-2), 2)
    folder = tmp_path / "policy"
    policy.save(folder)
    again = TextPolicy.load(folder, max_new_tokens=3)
    pieces = [p for t in collect(play(policy), policy.lm, ["speaker_0"]).trajectories for p in t.pieces]
    for a, b in zip(policy.evaluate(pieces), again.evaluate(pieces), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert [replies(r) for r in play(LanguageModelAgent(load(str(folder)), max_new_tokens=3))]
    policy.save(folder)  # an earlier folder is replaced
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    with pytest.raises(ValueError, match="no saved TextPolicy"):
        TextPolicy.load(tmp_path)


def test_a_policy_says_what_it_can_not_be_made_of() -> None:
    bare = tokenizer(template=False)
    with pytest.raises(ValueError, match="no chat template"):
        TextPolicy(LanguageModel(seeded(lambda: LlamaForCausalLM(config(len(bare)))), bare, name="bare"))
    with pytest.raises(ValueError, match="temperature=0"):
        TextPolicy(tiny(), temperature=0.0)
    policy = TextPolicy(tiny(), reference=False)
    with pytest.raises(ValueError, match="kl_coef"):
        PPO(policy, ["speaker_0"])
    with pytest.raises(ValueError, match="roles"):
        PPO(policy, "speaker_0", PPOConfig(kl_coef=0.0))


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"schedule": "cosine"},
        {"schedule": "linear"},
        {"epochs": 0},
        {"betas": (0.9, 1.0)},
        {"lr_multipliers": {"value_head": -1.0}},
        {"estimator": "ppo"},
        {"kl_coef": -0.1},
        {"clip": 1.5},
        {"lam": 2.0},
        {"max_kl": 0.0},
    ],
)
def test_settings_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        PPOConfig(**options)


def test_the_learning_rate_is_a_function_of_the_step() -> None:
    made = PPOConfig(learning_rate=1.0, schedule="linear", total_steps=10, warmup_steps=2)
    assert [made.rate(step) for step in (0, 1, 5, 10, 12)] == [0.5, 0.9, 0.5, 0.0, 0.0]


def test_a_large_change_ends_the_step_early() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    records = play(policy)
    calm = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-6, epochs=3, minibatches=2, max_kl=0.02)).step(records)
    assert (calm["updates"], calm["stopped_early"]) == (6.0, 0.0)
    wild = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=0.1, epochs=3, minibatches=2, max_kl=0.02)).step(records)
    assert (wild["updates"], wild["stopped_early"]) == (1.0, 1.0)
    assert wild["kl_step"] > 0.02


def test_equal_rewards_without_a_penalty_leave_the_policy_as_it_is() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(estimator="rloo", kl_coef=0.0, learning_rate=0.1))
    before = {name: p.detach().clone() for name, p in policy.parameters().items()}
    records = play(policy)
    statistics = ppo.step(records, [{"speaker_0": 0.3}] * len(records))
    assert (statistics["incomparable"], statistics["grad_norm"]) == (1.0, 0.0)
    assert all(torch.equal(before[name], p) for name, p in policy.parameters().items())


# --- when a step fails


def raising(method: Any, calls: Sequence[int], error: BaseException) -> Any:
    """``method`` that raises on these calls (counted from 1)."""
    count = 0

    def called(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count in calls:
            raise error
        return method(*args, **kwargs)

    return called


@pytest.mark.parametrize("calls", [[1, 2], [4, 5], [3, 6]])
def test_out_of_memory_twice_changes_nothing(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-2, epochs=2, minibatches=2))
    ppo.step(play(policy))  # so that AdamW has moments
    before = weights(ppo)
    records = play(policy, seed=1)
    with monkeypatch.context() as patched:
        error = torch.OutOfMemoryError("no memory left")
        patched.setattr(policy.lm.model, "forward", raising(policy.lm.model.forward, calls, error))
        with pytest.raises(OutOfMemoryError, match="max_batch_tokens"):
            ppo.step(records)
    assert same(weights(ppo), before)
    assert all(p.grad is None for p in policy.parameters().values())
    twin = TextPolicy(tiny(), max_new_tokens=3)
    other = PPO(twin, ["speaker_0"], ppo.config)
    other.load(before)
    assert other.step(records) == ppo.step(records)  # and the next step is what it would have been
    assert same(weights(other), weights(ppo))


def test_out_of_memory_once_goes_on_in_smaller_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for calls in ([], [3]):
        policy = TextPolicy(tiny(), max_new_tokens=3)
        ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-3, epochs=2, minibatches=2))
        records = play(policy)
        error = torch.OutOfMemoryError("no memory left")
        monkeypatch.setattr(policy.lm.model, "forward", raising(policy.lm.model.forward, calls, error))
        results.append((ppo.step(records), weights(ppo)))
    (whole, a), (halved, b) = results
    assert (whole["halved"], halved["halved"]) == (0.0, 1.0)
    assert whole["policy_loss"] == pytest.approx(halved["policy_loss"], abs=1e-5)
    assert all(torch.allclose(a[name], b[name], atol=1e-4) for name in a if name.startswith("weights/"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("something else")])
def test_any_other_failure_undoes_the_step_too(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-2, epochs=2, minibatches=2))
    records, before = play(policy), weights(ppo)
    monkeypatch.setattr(policy.lm.model, "forward", raising(policy.lm.model.forward, [4], error))
    with pytest.raises(type(error)):
        ppo.step(records)
    assert same(weights(ppo), before)


def test_a_loss_that_is_not_finite_is_not_applied() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(epochs=2))
    records, before = play(policy), weights(ppo)
    with pytest.raises(DivergenceError):
        ppo.step(records, [{"speaker_0": 1e38 * (-1) ** i} for i, _ in enumerate(records)])
    assert same(weights(ppo), before)


# --- judges


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

    def speak(self, turns: Sequence[Any]) -> list[str]:
        truths = {q.id: q.options[int(q.truth or 0)] for q in Lies()}
        honest = [f"You argue that the right answer is: {truths[t.episode.question.id]}" for t in turns]
        return ["true true" if h in t.prompt[-1].content else "false false" for h, t in zip(honest, turns, strict=True)]


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


def accuracy(records: Sequence[Record]) -> float:
    verdicts = [r.outcome.decision.verdict for r in records if r.outcome and r.outcome.decision]
    return float(np.mean([v.choice == r.question.truth for v, r in zip(verdicts, records, strict=True)]))


def test_a_judge_learns_from_debates_in_both_orders() -> None:
    lm = judge_model()
    judge = LogitJudge(lm)
    records = debates(judge, both_orders=True)
    examples = judge_examples(records, lm)
    assert len(examples) == 2 * len(records)
    assert [e.right for e in examples[::2]] == [1 - e.right for e in examples[1::2]]
    assert len(judge_examples(debates(judge), lm)) == len(records)
    trainer = JudgeTrainer(lm, JudgeConfig(learning_rate=3e-3, epochs=1, minibatches=4, max_batch_tokens=4096))
    log = [trainer.step(records) for _ in range(25)]
    assert log[-1]["accuracy"] > 0.95 > 0.7 > log[0]["accuracy"]
    assert accuracy(debates(judge, seed=7, both_orders=True)) > 0.95  # other sides and orders, through the engine


def test_the_judges_loss_is_the_cross_entropy_over_labels() -> None:
    lm = judge_model()
    records = debates(LogitJudge(lm), both_orders=True)[:4]
    want, full = [], []
    for record in records:
        assert record.outcome is not None
        assert record.outcome.decision is not None
        for verdict, order in zip(record.outcome.decision.views, record.outcome.decision.orders, strict=True):
            want.append(-verdict.log_probs[order.index(int(record.question.truth or 0))])
            full.append(want[-1] - math.log(verdict.mass or 0))
    assert JudgeTrainer(deepcopy(lm)).step(records)["loss"] == pytest.approx(np.mean(want), abs=1e-5)
    plain = JudgeTrainer(deepcopy(lm), JudgeConfig(mass_coef=1.0, max_batch_tokens=300))
    assert plain.step(records)["loss"] == pytest.approx(np.mean(full), abs=1e-4)


def test_a_blind_judge_is_trained_by_the_same_code_and_unknown_truth_is_refused() -> None:
    lm = judge_model()
    records = rollout(Direct(both_orders=True), Lies(), {"judge_0": LogitJudge(lm)})
    statistics = JudgeTrainer(lm, JudgeConfig(learning_rate=1e-3)).step(records)
    assert statistics["examples"] == 48
    with pytest.raises(ValueError, match=r"lie-.* has no known right option"):
        judge_examples([replace(records[0], question=records[0].question.without_truth())], lm)
    with pytest.raises(ValueError, match="none was finished"):
        judge_examples([replace(records[0], outcome=None, truncated="no answer")], lm)
    speaker = play(TextPolicy(tiny(), max_new_tokens=1), samples=1)
    with pytest.raises(ValueError, match=r"no known right option|no judge's decision"):
        judge_examples(speaker, lm)


def test_a_judge_may_be_an_adapter() -> None:
    from peft import LoraConfig

    lm = judge_model()
    records = debates(LogitJudge(lm), both_orders=True)
    add_lora(lm.model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    trainer = JudgeTrainer(lm, JudgeConfig(learning_rate=1e-2))
    assert all("lora" in name for name in trainer.optimiser.parameters)
    assert trainer.step(records)["loss"] > trainer.step(records)["loss"]


# --- verifiers


def attempts(count: int = 40) -> list[Attempt]:
    """A solution is right if it says "true" somewhere; which words stand around it says nothing."""
    rng = random.Random(0)
    colours = WORDS.split()[:6]
    made = []
    for i in range(count):
        for right in (True, True, False) if i % 4 else (True, True, True):
            words = rng.choices(colours, k=rng.randint(2, 6))
            words.insert(rng.randrange(len(words)), "true" if right else "false")
            made.append(Attempt(f"p{i}", "What is it", " ".join(words), right))
    return made


def test_pairs_are_balanced_within_each_problem() -> None:
    found = balanced_pairs(attempts(), np.random.default_rng(0))
    assert (found.all_right, found.all_wrong) == (10, 0)
    assert len(found.pairs) == 30
    assert all(right.correct and not wrong.correct for right, wrong in found.pairs)
    assert all(right.problem_id == wrong.problem_id for right, wrong in found.pairs)
    used = [id(a) for pair in found.pairs for a in pair]
    assert len(set(used)) == len(used)
    assert found == balanced_pairs(attempts(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="of 2 problems 1 have only right ones and 1 only wrong"):
        balanced_pairs([Attempt("a", "", "", True), Attempt("b", "", "", False)], np.random.default_rng(0))


def test_verifier_losses_are_their_formulas() -> None:
    right, wrong = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    for i in range(2):
        r, w = float(right[i]), float(wrong[i])
        got = float(contrastive_loss(right, wrong, 0.1)[i])
        assert got == pytest.approx(math.log1p(math.exp(w - r)) + 0.1 * (r * r + w * w) / 2)
        got = float(cross_entropy_loss(right, wrong)[i])
        assert got == pytest.approx((math.log1p(math.exp(-r)) + math.log1p(math.exp(w))) / 2)


class Bag(nn.Module):
    """V as the sum of one number for each token: the least that can be a verifier."""

    def __init__(self) -> None:
        super().__init__()
        self.worth = nn.Embedding(64, 1)
        nn.init.zeros_(self.worth.weight)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return (self.worth(input_ids)[..., 0] * attention_mask).sum(-1)


@pytest.mark.parametrize("loss", ["contrastive", "cross_entropy"])
@pytest.mark.parametrize("kind", ["padded", "without a pad token", "bare module"])
def test_a_verifier_learns_to_tell_right_from_wrong(loss: Any, kind: str) -> None:
    made = tokenizer()
    pad = {"pad_token_id": 0 if kind == "padded" else None, "num_labels": 1}
    model = seeded(lambda: LlamaForSequenceClassification(config(len(made), **pad)))
    verifier = RewardModelVerifier(model, made, name="tiny")
    settings = VerifierConfig(loss=loss, learning_rate=5e-3 if kind != "bare module" else 0.1, minibatches=2)
    if kind == "bare module":
        trainer = VerifierTrainer(Bag(), settings, encode=lambda problem, text: made(text)["input_ids"])
    else:
        trainer = VerifierTrainer(verifier, settings)
    found = balanced_pairs(attempts(), np.random.default_rng(0)).pairs
    log = [trainer.step(found) for _ in range(12)]
    held_out = attempts(60)[120:]
    assert log[0]["loss"] > log[-1]["loss"]
    assert roc_auc_score([a.correct for a in held_out], trainer.scores(held_out)) > 0.98
    if kind != "bare module":  # the verifier that plugs into games scores with the trained weights
        from types import SimpleNamespace

        solutions: Any = [SimpleNamespace(problem=a.problem, text=a.text) for a in held_out[:8]]
        assert verifier.score(solutions) == pytest.approx(trainer.scores(held_out[:8]), abs=1e-4)


def test_regularisation_centres_scores() -> None:
    found = balanced_pairs(attempts(), np.random.default_rng(0)).pairs
    made = tokenizer()

    def size(regularisation: float) -> float:
        settings = VerifierConfig(learning_rate=0.1, regularisation=regularisation)
        trainer = VerifierTrainer(Bag(), settings, encode=lambda problem, text: made(text)["input_ids"])
        for _ in range(30):
            trainer.step(found)
        return float(np.square(trainer.scores([a for pair in found for a in pair])).mean())

    assert size(0.3) < 0.5 * size(0.0)


# --- checkpoints and logs


def test_a_checkpoint_is_loaded_only_into_the_same_configuration(tmp_path: Path) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo, _ = train(policy, PPOConfig(learning_rate=1e-2), 2)
    kept = Checkpoints(tmp_path, {"task": "colours"}, keep=2)
    assert kept.load({"policy": ppo}) is None
    for step in (1, 2, 3):
        kept.save(step, {"policy": ppo}, {"seen": step})
    assert kept.steps == [2, 3]

    def fresh(**options: Any) -> PPO:
        made = TextPolicy(tiny(**options.pop("model", {})), max_new_tokens=3)
        return PPO(made, ["speaker_0"], PPOConfig(**{"learning_rate": 1e-2, **options}))

    other = fresh()
    assert Checkpoints(tmp_path, {"task": "colours"}).latest() == (3, {"seen": 3})
    assert Checkpoints(tmp_path, {"task": "colours"}).load({"policy": other}) == (3, {"seen": 3})
    assert same(weights(other), weights(ppo))
    records = play(policy)
    assert other.step(records) == ppo.step(records)
    for wrong, match in (
        (fresh(learning_rate=2e-2), r"policy.config.learning_rate is 0.01 in the checkpoint and 0.02 in this run"),
        (fresh(model={"seed": 1}), "policy.policy.origin"),
    ):
        before = weights(wrong)
        with pytest.raises(CheckpointError, match=match):
            Checkpoints(tmp_path, {"task": "colours"}).load({"policy": wrong})
        assert same(weights(wrong), before)
    with pytest.raises(CheckpointError, match=r"config\.task is 'colours' in the checkpoint and 'sums'"):
        Checkpoints(tmp_path, {"task": "sums"}).load({"policy": fresh()})
    with pytest.raises(CheckpointError, match="judge is only in this run"):
        Checkpoints(tmp_path, {"task": "colours"}).load({"policy": fresh(), "judge": fresh()})
    (tmp_path / "step-000000003" / "policy.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="can't be read"):
        Checkpoints(tmp_path, {"task": "colours"}).load({"policy": fresh()})


def test_judges_and_verifiers_go_on_where_they_were(tmp_path: Path) -> None:
    lm, made = judge_model(), tokenizer()
    records = debates(LogitJudge(lm), both_orders=True)
    pairs = balanced_pairs(attempts(), np.random.default_rng(0)).pairs

    def trainers() -> dict[str, Any]:
        judge = JudgeTrainer(deepcopy(lm), JudgeConfig(learning_rate=1e-3, minibatches=2))
        bag = VerifierTrainer(Bag(), VerifierConfig(learning_rate=0.1), encode=lambda _, text: made(text)["input_ids"])
        return {"judge": judge, "verifier": bag}

    first, second = trainers(), trainers()
    for _ in range(2):
        first["judge"].step(records), first["verifier"].step(pairs)
    Checkpoints(tmp_path).save(2, first)
    assert Checkpoints(tmp_path).load(second) == (2, {})
    for name, batch in (("judge", records), ("verifier", pairs)):
        assert first[name].step(batch) == second[name].step(batch)
        assert same(first[name].tensors(), second[name].tensors())


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    def write(text: str, fail: bool) -> None:
        with whole_folder(tmp_path / "x") as folder:
            (folder / "a").write_text(text)
            if fail:
                raise OSError("No space left on device")

    with pytest.raises(OSError, match="space"):
        write("one", fail=True)
    assert list(tmp_path.iterdir()) == []
    write("two", fail=False)
    with pytest.raises(OSError, match="space"):
        write("three", fail=True)
    assert (tmp_path / "x" / "a").read_text() == "two"
    write("four", fail=False)
    assert (tmp_path / "x" / "a").read_text() == "four"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    (tmp_path / ".unfinished-step-000000009").mkdir()
    assert Checkpoints(tmp_path).steps == []
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_log_has_each_step_once(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        for step in range(1, 6):
            log.write(step, {"reward": step / 10, "odd": math.nan})
        with pytest.raises(ValueError, match="steps must rise"):
            log.write(5, {})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 6, "rew')  # cut short by a kill
    with MetricsLog(tmp_path, after=3, tensorboard=False) as log:
        log.write(4, {"reward": 4.0})
    lines = list(read_metrics(tmp_path))
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[0] == {"step": 1, "reward": 0.1, "odd": None}
    assert lines[3]["reward"] == 4.0
    pytest.importorskip("tensorboard")
    assert list(tmp_path.glob("events.out.tfevents.*"))


@dataclass
class Counter:
    """The least that can be checkpointed."""

    count: int = 0
    identity: ClassVar[dict[str, Any]] = {"type": "Counter"}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"count": torch.tensor(self.count)}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.count = int(tensors["count"])


def die_at_every_step_of_saving(folder: str) -> None:
    """Saves a checkpoint in children that die before their n-th call to the file system, for every n."""
    for n in range(1, 1000):
        place = Path(folder) / str(n)
        for step in (1, 2):
            Checkpoints(place, keep=2).save(step, {"part": Counter(step)})
        child = os.fork()
        if child == 0:
            calls = 0

            def dying(method: Any) -> Any:
                def called(*args: Any, **kwargs: Any) -> Any:
                    nonlocal calls
                    calls += 1
                    if calls == n:  # noqa: B023  in this very child
                        os._exit(9)
                    return method(*args, **kwargs)

                return called

            for name in ("open", "fsync", "rename", "mkdir", "unlink", "rmdir", "close"):
                setattr(os, name, dying(getattr(os, name)))
            Checkpoints(place, keep=2).save(3, {"part": Counter(3)})
            os._exit(0)
        finished = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        found = Counter()
        kept = Checkpoints(place, keep=2)
        loaded = kept.load({"part": found})
        assert loaded is not None
        assert loaded[0] == found.count >= 2
        assert all(path.name.startswith("step-") for path in place.iterdir())
        if finished:
            assert n > 10
            assert kept.steps == [2, 3]
            return


def spawn(target: Any, folder: Path) -> Any:
    """A process that imports what it needs once for all: from a server without threads, so that it may fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["oversight_envs.training.ppo", "transformers.models.llama.modeling_llama"])
    process = context.Process(target=target, args=(str(folder),))
    process.start()
    return process


def test_a_kill_amid_saving_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    process = spawn(die_at_every_step_of_saving, tmp_path)
    process.join()
    assert process.exitcode == 0


STEPS = 40


def run_to_the_end(folder: str) -> None:
    """A small run as a recipe has it: it goes on from its latest checkpoint, whatever killed it."""
    torch.set_num_threads(1)
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=3e-3, epochs=2, minibatches=2))
    kept = Checkpoints(Path(folder) / "checkpoints", {"run": "test"})
    done = (kept.load({"policy": ppo}) or (0, {}))[0]
    with MetricsLog(folder, after=done, tensorboard=False) as log:
        for step in range(done + 1, STEPS + 1):
            policy.lm.forget()
            log.write(step, ppo.step(play(policy, samples=4, seed=derive_seed("step", step))))
            if step % 3 == 0 or step == STEPS:
                kept.save(step, {"policy": ppo})


def test_a_killed_run_ends_with_the_same_numbers(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = spawn(run_to_the_end, whole)
    rng, kills = random.Random(), 0
    process.join()
    assert process.exitcode == 0
    while kills < 4:
        process = spawn(run_to_the_end, killed)
        lines = killed / "metrics.jsonl"
        began = len(lines.read_bytes()) if lines.exists() else 0
        while process.is_alive() and (not lines.exists() or len(lines.read_bytes()) <= began):
            time.sleep(0.005)  # until it has begun to train
        time.sleep(rng.uniform(0, 0.25))
        if not process.is_alive():
            break
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
    process = spawn(run_to_the_end, killed)
    process.join()
    assert process.exitcode == 0
    assert kills
    assert (killed / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    last = f"checkpoints/step-{STEPS:09d}"
    for name in ("policy.safetensors", "state.json"):
        assert (killed / last / name).read_bytes() == (whole / last / name).read_bytes()
    assert len(json.loads((whole / "metrics.jsonl").read_text().splitlines()[-1])) > 10
