"""The tiny models: ordinary Hugging Face models, padded, cached and saved like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_games import DEBATE, config, seeded
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, DynamicCache

from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import Message
from oversight_envs.judges import RewardModelVerifier
from oversight_envs.models import Generation, LanguageModel, load
from oversight_envs.models.hf.loading import load_reward_model
from oversight_envs.models.tiny import TinyConfig, TinyForCausalLM, TinyForSequenceClassification
from oversight_envs.tasks.stories import Stories


@pytest.fixture(params=[1, 4, 7])
def untrained(stories: Any, request: pytest.FixtureRequest) -> TinyForCausalLM:
    model: TinyForCausalLM = seeded(lambda: TinyForCausalLM(config(stories, ngram=request.param))).eval()
    return model


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-4)


def test_auto_classes_load_what_was_saved(stories: Any, tmp_path: Path) -> None:
    model = seeded(lambda: TinyForCausalLM(config(stories))).eval()
    model.save_pretrained(tmp_path)
    stories.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    again, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    text = "Day 3: Ann moved the kettle to the attic."
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    assert ids.tolist() == stories(text, return_tensors="pt")["input_ids"].tolist()
    assert torch.equal(model(ids).logits, again(ids).logits)
    lm = load(str(tmp_path))
    assert lm.context_length == 512
    with pytest.raises(ValueError, match="no reward model: it has no score"):
        load_reward_model(str(tmp_path))
    scorer = TinyForSequenceClassification.from_language_model(model, seed=3).eval()
    scorer.save_pretrained(tmp_path / "scorer")
    stories.save_pretrained(tmp_path / "scorer")
    loaded, _, _ = load_reward_model(str(tmp_path / "scorer"))
    assert isinstance(loaded, TinyForSequenceClassification)
    assert torch.equal(loaded(ids).logits, scorer(ids).logits)
    assert isinstance(AutoModelForSequenceClassification.from_config(loaded.config), TinyForSequenceClassification)


def test_padding_on_either_side_changes_nothing(untrained: TinyForCausalLM) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(6, untrained.config.vocab_size, (n,), generator=generator) for n in (1, 2, 5, 9, 14)]
    width = 16
    for side in ("left", "right"):
        ids = torch.full((len(rows), width), 7)  # whatever stands there
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for row, tokens in enumerate(rows):
            place = slice(width - len(tokens), width) if side == "left" else slice(0, len(tokens))
            ids[row, place], mask[row, place] = tokens, 1
        logits = untrained(ids, attention_mask=mask).logits
        assert torch.isfinite(logits).all()
        for row, tokens in enumerate(rows):
            assert close(logits[row][mask[row].bool()], untrained(tokens[None]).logits[0])


def test_reading_in_pieces_is_reading_at_once(untrained: TinyForCausalLM) -> None:
    ids = torch.randint(6, untrained.config.vocab_size, (2, 15), generator=torch.Generator().manual_seed(1))
    whole = untrained(ids).logits
    cache = DynamicCache(config=untrained.config)
    pieces = [untrained(piece, past_key_values=cache).logits for piece in ids.split([1, 1, 3, 2, 8], dim=1)]
    assert close(torch.cat(pieces, dim=1), whole)
    assert close(untrained(ids, logits_to_keep=2).logits, whole[:, -2:])


def test_engine_with_and_without_cache_alone_and_together(untrained: TinyForCausalLM, stories: Any) -> None:
    cached, plain = (LanguageModel(untrained, stories, cache=cache) for cache in (True, False))
    prompts = [ask.prompt for n in (1, 8) for ask in Episode(DEBATE, Stories(lines=n)[n], n).asks]
    requests = [Generation(prompt, seed=i, max_new_tokens=6 + i) for i, prompt in enumerate(prompts)]
    together = cached.generate(requests)
    for request, completion, uncached in zip(requests, together, plain.generate(requests), strict=True):
        [alone] = plain.generate([request])
        assert completion.token_ids == alone.token_ids == uncached.token_ids
        assert np.allclose(completion.log_probs, alone.log_probs, atol=1e-5)


def test_transformers_own_generate_agrees_with_the_engine(untrained: TinyForCausalLM, stories: Any) -> None:
    lm = LanguageModel(untrained, stories)
    prompt = Episode(DEBATE, Stories()[0], 0).asks[0].prompt
    [ours] = lm.generate([Generation(prompt, seed=0, max_new_tokens=8, temperature=0)])
    ids = torch.tensor([lm.encode(prompt)])
    theirs = untrained.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=stories.pad_token_id)
    assert tuple(theirs[0, ids.shape[1] :].tolist()) == ours.token_ids


def test_a_score_counts_the_answer_alone_and_no_padding(arithmetic: Any) -> None:
    base = seeded(lambda: TinyForCausalLM(config(arithmetic)))
    model = TinyForSequenceClassification.from_language_model(base, seed=0).eval()
    same, other = (TinyForSequenceClassification.from_language_model(base, seed=seed).eval() for seed in (0, 1))
    verifier = RewardModelVerifier(model, arithmetic)
    chats = [
        (Message("user", "Work from left to right: 7 + 5"), Message("assistant", text))
        for text in ("7 + 5 = 12 ;\nAnswer: 12", "Answer: 12", "")
    ]
    rows = [verifier.chat.encode(chat, closed=True) for chat in chats]
    for row, answer in zip(rows, (10, 3, 1), strict=True):  # the end token counts, so that no answer is empty
        counted = model._counted(torch.tensor([row]), torch.ones(1, len(row)))
        assert counted.tolist() == [[False] * (len(row) - answer) + [True] * answer]
    width = max(map(len, rows))
    ids = torch.tensor([row + [model.config.pad_token_id] * (width - len(row)) for row in rows])
    scores = model(ids, attention_mask=(ids != model.config.pad_token_id).long()).logits
    assert scores.shape == (3, 1)
    assert torch.isfinite(scores).all()
    for row, score in zip(rows, scores, strict=True):
        assert close(model(torch.tensor([row])).logits[0], score)
        assert torch.equal(model(torch.tensor([row])).logits, same(torch.tensor([row])).logits)
        assert not torch.equal(model(torch.tensor([row])).logits, other(torch.tensor([row])).logits)
    assert model(torch.tensor([[9, 10, 11]])).logits.isfinite().all()  # no assistant's turn: all tokens count


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="hidden_size=36"):
        TinyConfig(hidden_size=36)
    with pytest.raises(ValueError, match="ngram=0"):
        TinyConfig(ngram=0)
    with pytest.raises(ValueError, match="num_labels=2"):
        TinyForSequenceClassification(TinyConfig(num_labels=2))
