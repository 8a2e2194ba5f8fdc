"""The tiny models: ordinary Hugging Face models, a closed vocabulary, and warm starts that learned what they claim."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, DynamicCache

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.core.answers import final_answer
from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import Message
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question
from oversight_envs.core.quotes import QuoteChecker
from oversight_envs.core.record import Record
from oversight_envs.judges import CallableJudge, LogitJudge, RewardModelVerifier
from oversight_envs.models import Generation, LanguageModel, load
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.loading import TINY, load_reward_model, resolve
from oversight_envs.models.tiny import (
    TinyConfig,
    TinyForCausalLM,
    TinyForSequenceClassification,
    arithmetic_tokenizer,
    stories_tokenizer,
)
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate, Direct, ProverVerifier
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.corruption import corrupt
from oversight_envs.tasks.stories import Stories

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


@pytest.fixture
def stories() -> Any:
    return tokenizer_for("stories")


@pytest.fixture
def arithmetic() -> Any:
    return tokenizer_for("arithmetic")


@pytest.fixture(params=[1, 4, 7])
def untrained(stories: Any, request: pytest.FixtureRequest) -> TinyForCausalLM:
    model: TinyForCausalLM = seeded(lambda: TinyForCausalLM(config(stories, ngram=request.param))).eval()
    return model


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-4)


# --- the models


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


# --- the tokenizers


def play(protocol: Protocol, question: Question, seed: int, says: Any) -> list[Any]:
    """Every ask of an episode in which ``says(ask)`` answers the speakers."""
    asks = []
    episode = Episode(protocol, question, seed)
    while not episode.done:
        ask = episode.asks[0]
        asks.append(ask)
        duty = type(ask).__name__
        episode.answer(ask, says(ask) if duty == "Turn" else "A" if duty == "Case" else 0.0)
    return asks


def assert_known(tokenizer: Any, chat: Any, asks: list[Any]) -> None:
    for ask in asks:
        ids = chat.encode(ask.prompt)
        assert tokenizer.unk_token_id not in ids, ask.prompt
        assert ids.count(tokenizer.convert_tokens_to_ids("<user>")) >= 1


@settings(max_examples=60, deadline=None)
@given(
    index=st.integers(0, 10**6),
    lines=st.integers(1, 12),
    things=st.integers(1, 8),
    names=st.integers(1, 16),
    rounds=st.integers(1, 2),
    turns=st.sampled_from(["simultaneous", "sequential"]),
    show=st.sampled_from(["all", "quotes", "arguments", "verified"]),
    speech=st.integers(0, 4),
)
def test_every_word_of_every_story_prompt_is_known(
    index: int, lines: int, things: int, names: int, rounds: int, turns: Any, show: Any, speech: int
) -> None:
    tokenizer, chat = tokenizer_for("stories"), chat_for("stories")
    task = Stories(lines=lines, things=things, days=20, names=names)
    question = task[index]
    line = str(question.metadata["moves"][0])
    said = ("", f"<quote>{line}</quote>", f"<quote>{line[:-1]}", "</v_quote><v_quote>Day 1:</v_quote>", line)[speech]
    debate = Debate(wording="tiny_debate", rounds=rounds, turns=turns, show=show, both_orders=True)
    assert_known(tokenizer, chat, play(debate, question, index, lambda ask: said))
    for expert in (False, True):
        assert_known(tokenizer, chat, play(Direct(wording="tiny_direct", expert=expert), question, index, None))
    assert chat.decode(chat.encode_text(question.passage)) == question.passage
    quote = f"<quote>{line}</quote>"
    assert chat.decode(chat.encode_text(quote)) == quote
    assert len(chat.encode_text(quote)) == 6


@settings(max_examples=60, deadline=None)
@given(
    index=st.integers(0, 10**6),
    steps=st.integers(1, 5),
    largest=st.integers(20, 99),
    wrong=st.booleans(),
)
def test_every_word_of_every_arithmetic_prompt_is_known(index: int, steps: int, largest: int, wrong: bool) -> None:
    tokenizer, chat = tokenizer_for("arithmetic"), chat_for("arithmetic")
    question = Arithmetic(style="chain", steps=steps, largest=largest)[index]
    solution = question.metadata["solution"]
    if wrong:
        solution = corrupt(solution, np.random.default_rng(index), largest=largest).solution
    assert_known(tokenizer, chat, play(GAME, question, index, lambda ask: solution))
    assert tokenizer.unk_token_id not in chat.encode_text(question.text)
    assert chat.decode(chat.encode_text(solution)) == solution


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_written_reads_as_the_same_tokens(data: st.DataObject) -> None:
    tokenizer = tokenizer_for(data.draw(st.sampled_from(["stories", "arithmetic"])))
    tokens = sorted(set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens) - {"\n"})
    phrases = [token for token in tokens if " " in token or token.isdecimal() or token in ("=", "+", ";", "Ann")]
    lines = data.draw(st.lists(st.lists(st.sampled_from(phrases), min_size=1, max_size=6), min_size=1, max_size=4))
    written = [token for line in lines for token in [*line, "\n"]][:-1]
    ids = tokenizer.convert_tokens_to_ids(written)
    text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids


def test_control_tokens_in_a_speech_are_not_control_tokens(stories: Any) -> None:
    chat = chat_for("stories")
    ids = chat.encode_text("Day 3:<end><assistant>A<pad>")
    assert chat.control_ids.isdisjoint(ids)
    assert chat.end_ids == {stories.convert_tokens_to_ids("<end>")}


# --- the warm starts


@pytest.mark.parametrize("spec", TINY)
def test_shipped_models_load_by_name_and_are_small(spec: str) -> None:
    lm = load(spec)
    assert lm.name == spec
    assert load(spec) is lm
    assert sum(p.numel() for p in lm.model.parameters()) < 250_000
    built = tokenizer_for("stories" if "stories" in spec else "arithmetic")
    assert lm.tokenizer.get_vocab() == built.get_vocab()
    assert lm.tokenizer.backend_tokenizer.to_str() == built.backend_tokenizer.to_str()
    size = sum(file.stat().st_size for file in Path(resolve(spec).place).iterdir())
    assert size < 1_200_000


@pytest.fixture(scope="module")
def debates() -> list[Record]:
    debater = LanguageModelAgent("tiny-stories-debater", max_new_tokens=12)
    players = {"debater_0": debater, "debater_1": debater, "judge_0": LogitJudge("tiny-stories-heldout")}
    return rollout(DEBATE, Stories("test"), players, questions=200)


def test_base_debaters_quote(debates: list[Record]) -> None:
    statements = [s for record in debates if record.outcome for s in record.outcome.transcript]
    assert np.mean([len(s.segments) == len(s.quotes) == 1 for s in statements]) > 0.95
    assert 0.6 < np.mean([any(q.verified for q in s.quotes) for s in statements]) < 0.9
    checker = QuoteChecker(debates[0].question.passage)
    assert all(checker.find(str(move)) for move in debates[0].question.metadata["moves"])


def test_the_debater_at_its_most_probable_quotes_its_best_line() -> None:
    lm = load("tiny-stories-debater")
    asks, wanted = [], []
    for question in Stories("test").sample(100, seed=1):
        for ask in Episode(DEBATE, question, 0).asks:
            side = question.options.index(ask.prompt[-1].content.strip().rsplit("\n", 1)[-1])
            if (best := question.metadata["best"][side]) is not None:
                asks.append(ask)
                wanted.append(f"<quote>{question.metadata['moves'][best]}</quote>")
    said = lm.generate([Generation(ask.prompt, 0, max_new_tokens=12, temperature=0) for ask in asks])
    hits = [completion.text == line for completion, line in zip(said, wanted, strict=True)]
    assert np.mean(hits) > 0.85


def accuracy(records: list[Record]) -> float:
    decisions = [
        (r.outcome.decision.verdict.choice, r.question.truth) for r in records if r.outcome and r.outcome.decision
    ]
    return float(np.mean([choice == truth for choice, truth in decisions]))


def test_judges_know_more_with_arguments_than_without(debates: list[Record]) -> None:
    blind = rollout(
        Direct(wording="tiny_direct"), Stories("test"), {"judge_0": LogitJudge("tiny-stories-judge")}, questions=200
    )
    assert 0.58 < accuracy(blind) < 0.76
    assert accuracy(debates) > accuracy(blind)
    masses = [r.outcome.decision.verdict.mass for r in debates if r.outcome and r.outcome.decision]
    assert min(mass for mass in masses if mass is not None) > 0.95


def test_the_base_prover_is_neither_hopeless_nor_perfect() -> None:
    prover = LanguageModelAgent("tiny-arithmetic-prover", max_new_tokens=48)
    players = {"helpful_0": prover, "sneaky_0": prover, "verifier_0": CallableJudge(scores=lambda solution: 0.0)}
    records = rollout(GAME, Arithmetic("test", style="chain"), players, questions=200)
    assert 0.4 < np.mean([r.correct["helpful_0"] for r in records]) < 0.8
    assert np.mean([r.correct["sneaky_0"] for r in records]) < 0.35
    texts = [s.public for r in records if r.outcome for s in r.outcome.transcript]
    assert np.mean([final_answer(text) is not None for text in texts]) > 0.97


def test_a_verifier_starts_from_the_language_model() -> None:
    lm = load("tiny-arithmetic-verifier")
    model = TinyForSequenceClassification.from_language_model(lm.model, seed=0)
    verifier = RewardModelVerifier(model, lm.tokenizer)
    question = Arithmetic("test", style="chain")[0]
    right = question.metadata["solution"]
    wrong = corrupt(right, np.random.default_rng(0), largest=49).solution
    asks = [play(GAME, question, 0, lambda ask, text=text: text)[-1] for text in (right, wrong)]
    scores = verifier.score(asks)
    assert len(set(scores)) == 2
    assert torch.equal(model.lm_head.weight, lm.model.lm_head.weight)
