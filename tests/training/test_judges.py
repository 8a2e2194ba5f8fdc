"""Judges learn from finished debates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from training_games import Lies, debates, judge_model, play, tiny

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.record import Record
from oversight_envs.judges.language_model import LogitJudge, LogitVerifier
from oversight_envs.models import load
from oversight_envs.play import rollout
from oversight_envs.protocols import Critique
from oversight_envs.protocols.direct import Direct
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.training import JudgeConfig, JudgeTrainer, TextPolicy, add_lora, judge_examples

pytestmark = pytest.mark.usefixtures("one_thread")


def accuracy(records: Sequence[Record]) -> float:
    verdicts = [r.decision.verdict for r in records if r.decision]
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
        assert record.decision is not None
        for verdict, order in zip(record.decision.views, record.decision.orders, strict=True):
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


def test_a_judge_of_solutions_learns_to_say_yes_and_no() -> None:
    lm = load("tiny-arithmetic-verifier").copy()
    game, task = Critique(wording="tiny_prover_verifier", critic=False), Arithmetic(style="chain")
    truths = {question.text: question.truth for question in task.sample(40)}
    solver = ScriptedAgent(lambda turn: f"Answer: {truths[turn.question] if turn.seed % 2 else 7}")
    records = rollout(game, task, {"solver_0": solver, "judge_0": LogitVerifier(lm)}, questions=40)
    examples = judge_examples(records, lm)
    assert [example.right for example in examples] == [int(not record.correct["solver_0"]) for record in records]
    yes, no = examples[0].labels
    assert lm.tokenizer.convert_ids_to_tokens([yes, no]) == ["Yes", "No"]
    trainer = JudgeTrainer(lm, JudgeConfig(learning_rate=3e-3, epochs=8))
    log = [trainer.step(records) for _ in range(10)]
    assert log[-1]["accuracy"] > 0.95 > 0.7 > log[0]["accuracy"]
    again = rollout(game, task, {"solver_0": solver, "judge_0": LogitVerifier(lm)}, questions=40)
    assert all((record.scores[0].value > 0) == record.correct["solver_0"] for record in again)
    unknown = replace(records[0], correct={})
    with pytest.raises(ValueError, match="nobody knows whether solver_0 is right"):
        judge_examples([unknown], lm)


def test_a_judge_may_be_an_adapter() -> None:
    from peft import LoraConfig

    lm = judge_model()
    records = debates(LogitJudge(lm), both_orders=True)
    add_lora(lm.model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    trainer = JudgeTrainer(lm, JudgeConfig(learning_rate=1e-2))
    assert all("lora" in name for name in trainer.optimiser.parameters)
    assert trainer.step(records)["loss"] > trainer.step(records)["loss"]
