"""Text policies: full and with an adapter, their reference, saving and loading."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from chat_templates import QWEN3_THINKING
from chat_templates import tokenizer as thinking_tokenizer
from training_games import config, play, replies, same, seeded, tiny, tokenizer, train, weights
from transformers import LlamaForCausalLM

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.models import LanguageModel, load
from oversight_envs.training import PPO, PPOConfig, TextPolicy, collect

pytestmark = pytest.mark.usefixtures("one_thread")


def test_full_training_leaves_the_given_model_and_the_reference_alone() -> None:
    lm = tiny()
    before = deepcopy(lm.model.state_dict())
    policy = TextPolicy(lm, max_new_tokens=3)
    records = play(policy)
    sequences = [p for t in collect(records, policy.lm, ["speaker_0"]).trajectories for p in t.sequences]
    reference = policy.reference_log_probs(sequences)
    assert torch.allclose(reference, policy.evaluate(sequences).log_probs, atol=1e-6)
    PPO(policy, ["speaker_0"], PPOConfig(learning_rate=1e-2)).step(records)
    assert torch.equal(policy.reference_log_probs(sequences), reference)
    assert not torch.allclose(reference, policy.evaluate(sequences).log_probs, atol=1e-3)
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
    sequences = [p for t in collect(play(policy), policy.lm, ["speaker_0"]).trajectories for p in t.sequences]
    plain = TextPolicy(lm).evaluate(sequences).log_probs
    assert torch.allclose(policy.reference_log_probs(sequences), plain, atol=1e-6)
    assert not torch.allclose(policy.evaluate(sequences).log_probs, plain, atol=1e-2)


@pytest.mark.parametrize("adapter", [False, True])
def test_a_saved_policy_is_a_plain_model_folder(adapter: bool, tmp_path: Path) -> None:
    from peft import LoraConfig

    lora = LoraConfig(r=2, target_modules=["q_proj", "v_proj"]) if adapter else None
    policy = TextPolicy(tiny(), lora=lora, max_new_tokens=3)
    train(policy, PPOConfig(learning_rate=1e-2), 2)
    folder = tmp_path / "policy"
    policy.save(folder)
    again = TextPolicy.load(folder, max_new_tokens=3)
    sequences = [p for t in collect(play(policy), policy.lm, ["speaker_0"]).trajectories for p in t.sequences]
    for a, b in zip(policy.evaluate(sequences), again.evaluate(sequences), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert [replies(r) for r in play(LanguageModelAgent(load(str(folder)), max_new_tokens=3))]
    policy.save(folder)  # an earlier folder is replaced
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    with pytest.raises(ValueError, match="no saved TextPolicy"):
        TextPolicy.load(tmp_path)


@pytest.mark.parametrize("adapted", [["q_proj", "lm_head"], ["embed_tokens"], ["embed_tokens", "lm_head"]])
def test_an_adapter_on_tied_embeddings_is_saved_as_it_was_trained(adapted: list[str], tmp_path: Path) -> None:
    from peft import LoraConfig

    policy = TextPolicy(tiny(tie_word_embeddings=True), lora=LoraConfig(r=2, target_modules=adapted), max_new_tokens=3)
    with torch.no_grad():
        stream = torch.Generator().manual_seed(0)
        for weight in policy.parameters().values():
            weight += torch.randn(weight.shape, generator=stream)
    policy.save(tmp_path / "policy")
    ids = torch.tensor([[3, 4, 5, 3]])
    with torch.no_grad():
        trained, saved = policy.lm.model(ids).logits, load(str(tmp_path / "policy")).model(ids).logits
    assert torch.allclose(trained, saved, rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="ensure_weight_tying"):
        TextPolicy(tiny(), lora=LoraConfig(r=2, target_modules=adapted, ensure_weight_tying=True))


def test_a_policy_that_thinks_is_trained_on_what_it_drew() -> None:
    made = thinking_tokenizer("byte level", QWEN3_THINKING)
    lm = LanguageModel(seeded(lambda: LlamaForCausalLM(config(len(made)))), made, name="thinks")
    policy = TextPolicy(lm, max_new_tokens=3, max_thinking_tokens=4)
    records = play(policy, samples=8, turns=2)
    assert all(0 < len(speech.token_ids) <= 7 for record in records for speech in replies(record))
    assert all(speech.text.startswith("<think>\n") for record in records for speech in replies(record))
    assert any(statement.thinking for record in records for statement in record.transcript)
    samples = collect(records, policy.lm, ["speaker_0"])
    sequences = [sequence for made in samples.trajectories for sequence in made.sequences]
    drawn = [p for sequence in sequences for p in sequence.log_probs]
    assert torch.allclose(policy.evaluate(sequences).log_probs, torch.tensor(drawn), atol=1e-4)


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
