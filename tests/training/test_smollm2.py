"""Training a real language model, SmolLM2-135M: a step or two, enough to see that all parts fit it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.models import LanguageModel, load
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks import make_task
from oversight_envs.training import (
    JudgeConfig,
    LabelledSolution,
    PPOConfig,
    TextPolicy,
    VerifierConfig,
    VerifierTrainer,
    add_lora,
    read_metrics,
)
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.debate.run import DebateRun
from oversight_envs.training.score_head import score_head
from oversight_envs.training.verifiers import SolutionPair

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def smollm() -> LanguageModel:
    return load("smollm2-135m")


def lora() -> LoraConfig:
    return LoraConfig(r=4, target_modules=["q_proj", "v_proj"])


def debate(lm: LanguageModel, folder: Path) -> DebateRun:
    def judge() -> LanguageModel:
        own = lm.copy()
        add_lora(own.model, lora())
        return own

    config = DebateConfig(
        questions=4, epochs=1, batch=2, samples=2, held_out=1, evaluations=2, checkpoint_every=1,
        ppo=PPOConfig(estimator="rloo", learning_rate=1e-3), judge=JudgeConfig(learning_rate=1e-3),
    )  # fmt: skip
    return DebateRun(
        config,
        game=Debate(wording="tiny_debate"),  # few words: prompts are what takes time
        blind=Direct(wording="tiny_debate"),
        train=make_task("stories", split="train"),
        test=make_task("stories", split="test"),
        policy=TextPolicy(lm, lora=lora(), max_new_tokens=6),
        initial=LanguageModelAgent(lm, max_new_tokens=6),
        judge=judge(),
        blind_judge=judge(),
        held_out_judge=lm,
        folder=folder,
    )


def trained(run: DebateRun) -> dict[str, torch.Tensor]:
    parts = {"ppo": run.ppo, "judge": run.judge_trainer, "blind": run.blind_trainer}
    return {
        f"{part}/{name}": tensor.clone()
        for part, trainer in parts.items()
        for name, tensor in trainer.optimiser.parameters.items()
    }


def test_adapters_of_a_debater_and_its_judges_learn_and_resume(smollm: LanguageModel, tmp_path: Path) -> None:
    before = {name: p.clone() for name, p in smollm.model.named_parameters()}
    run = debate(smollm, tmp_path)
    first = trained(run)

    def stop(step: int, statistics: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run(stop)
    second = trained(run)
    for part in ("ppo", "judge", "blind"):
        assert any(not torch.equal(first[name], second[name]) for name in first if name.startswith(part)), part
    again = debate(smollm, tmp_path)
    steps: list[int] = []
    evaluations = again.run(lambda step, statistics: steps.append(step))
    assert steps == [2]
    assert [evaluation["step"] for evaluation in evaluations] == [0, 2]
    lines = list(read_metrics(tmp_path))
    assert [line["step"] for line in lines] == [1, 2]
    assert all(math.isfinite(value) for line in lines for value in line.values() if value is not None)
    assert lines[0]["ppo/drawn_gap"] < 1e-3  # the probabilities of training are those of sampling
    assert all(torch.equal(before[name], p) for name, p in smollm.model.named_parameters())


def test_a_verifier_on_it_learns_one_pair(smollm: LanguageModel) -> None:
    problem = "Tom has 3 apples and buys 4. How many has he?"
    right, wrong = (LabelledSolution("p", problem, f"3 + 4 = {n}\nA: {n}", n == 7) for n in (7, 8))
    verifier = score_head(smollm, seed=0)
    verifier.model.base_model.requires_grad_(False)
    verifier.model.base_model.layers[-2:].requires_grad_(True)
    trainer = VerifierTrainer(verifier, VerifierConfig(learning_rate=3e-4, lr_multipliers={"score": 10}))
    log = [trainer.step([SolutionPair(right, wrong)]) for _ in range(4)]
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    scores = trainer.scores([right, wrong])
    assert scores[0] > scores[1]
