"""Warm starts that learned what they claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_games import DEBATE, GAME, play, tokenizer_for

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.core.episode import Episode
from oversight_envs.core.quotes import QuoteChecker
from oversight_envs.core.record import Record
from oversight_envs.judges import CallableJudge, LogitJudge, RewardModelVerifier
from oversight_envs.models import Generation, load
from oversight_envs.models.hf.loading import TINY, resolve
from oversight_envs.models.tiny import TinyForSequenceClassification
from oversight_envs.play import rollout
from oversight_envs.protocols import Direct
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.corruption import corrupt
from oversight_envs.tasks.final_answers import final_answer
from oversight_envs.tasks.stories import Stories


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
    statements = [s for record in debates for s in record.transcript]
    assert np.mean([len(s.segments) == len(s.quotes) == 1 for s in statements]) > 0.95
    assert 0.6 < np.mean([any(q.verified for q in s.quotes) for s in statements]) < 0.9
    checker = QuoteChecker(debates[0].question.passage)
    assert all(checker.find(str(move)) for move in debates[0].question.metadata["moves"])


def test_the_debater_at_its_most_probable_quotes_its_best_line() -> None:
    lm = load("tiny-stories-debater")
    asks, wanted = [], []
    for question in Stories("test").sample(100, seed=1):
        for ask in Episode(DEBATE, question, 0).asks:
            side = question.options.index(ask.argues_for)
            if (best := question.metadata["best"][side]) is not None:
                asks.append(ask)
                wanted.append(f"<quote>{question.metadata['moves'][best]}</quote>")
    said = lm.generate([Generation(ask.prompt, 0, max_new_tokens=12, temperature=0) for ask in asks])
    hits = [completion.text == line for completion, line in zip(said, wanted, strict=True)]
    assert np.mean(hits) > 0.85


def accuracy(records: list[Record]) -> float:
    decisions = [(r.decision.verdict.choice, r.question.truth) for r in records if r.decision]
    return float(np.mean([choice == truth for choice, truth in decisions]))


def test_judges_know_more_with_arguments_than_without(debates: list[Record]) -> None:
    blind = rollout(
        Direct(wording="tiny_debate"), Stories("test"), {"judge_0": LogitJudge("tiny-stories-judge")}, questions=200
    )
    assert 0.58 < accuracy(blind) < 0.76
    assert accuracy(debates) > accuracy(blind)
    masses = [r.decision.verdict.mass for r in debates if r.decision]
    assert min(mass for mass in masses if mass is not None) > 0.95


def test_the_base_prover_is_neither_hopeless_nor_perfect() -> None:
    prover = LanguageModelAgent("tiny-arithmetic-prover", max_new_tokens=48)
    players = {"helpful_0": prover, "sneaky_0": prover, "verifier_0": CallableJudge(scores=lambda solution: 0.0)}
    records = rollout(GAME, Arithmetic("test", style="chain"), players, questions=200)
    assert 0.4 < np.mean([r.correct["helpful_0"] for r in records]) < 0.8
    assert np.mean([r.correct["sneaky_0"] for r in records]) < 0.35
    texts = [s.text for r in records for s in r.transcript]
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
