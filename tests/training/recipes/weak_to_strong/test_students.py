"""Students: what their labels say, and how the confidence loss comes to trust the student."""

from __future__ import annotations

import pytest
import torch

from oversight_envs.models import LanguageModel, load
from oversight_envs.protocols import Direct
from oversight_envs.tasks.stories import Stories
from oversight_envs.training import JudgeConfig
from oversight_envs.training.recipes.weak_to_strong.reading import Reading
from oversight_envs.training.recipes.weak_to_strong.students import (
    LabelledCase,
    StudentTrainer,
    hardened,
    labelled_cases,
)

pytestmark = pytest.mark.usefixtures("one_thread")

PASSAGE = Reading(Direct(wording="tiny_debate", expert=True, both_orders=True))


def student() -> LanguageModel:
    return load("tiny-stories-judge").copy()


def some_cases(count: int = 4, probability: float = 0.8) -> list[LabelledCase]:
    questions = Stories("train").sample(count, seed=3)
    labels = {q.id: (probability, 1 - probability) for q in questions}
    records = PASSAGE.records(Stories("train"), questions, seed=0)
    return [case for both in labelled_cases(records, labels, student()) for case in both]


def test_labels_go_with_the_options_and_not_with_the_letters() -> None:
    (question,) = Stories("train").sample(1, seed=3)
    lm = student()
    records = PASSAGE.records(Stories("train"), [question], seed=0)
    ((first, second),) = labelled_cases(records, {question.id: (0.9, 0.1)}, lm)
    assert first.target == second.target[::-1]
    for case in (first, second):
        page = lm.decode(case.ids)
        assert str(question.metadata["moves"][0]) in page  # the student reads the story
        shown = sorted(question.options, key=page.rindex)
        assert dict(zip(shown, case.target, strict=True)) == dict(zip(question.options, (0.9, 0.1), strict=True))


def test_hard_labels_share_a_tie() -> None:
    assert hardened((0.6, 0.4)) == (1, 0)
    assert hardened((0.4, 0.4, 0.2)) == (0.5, 0.5, 0)


def test_the_loss_is_the_cross_entropy_of_the_mixed_target() -> None:
    cases = some_cases()
    trainer = StudentTrainer(student(), confidence=0.5, warmup=4)
    log_probs = torch.tensor(
        [reading.log_probs for reading in student().label_log_probs([case.ids for case in cases], ("A", "B"))]
    ).log_softmax(-1)
    target = torch.tensor([case.target for case in cases])
    own = torch.tensor([hardened(row.tolist()) for row in log_probs])
    for steps, weight in ((0, 0.0), (2, 0.25), (4, 0.5), (9, 0.5)):
        trainer.optimiser.steps = steps
        losses, sums = trainer._losses(cases)
        expected = -(((1 - weight) * target + weight * own) * log_probs).sum(-1)
        assert losses.detach().numpy() == pytest.approx(expected.numpy(), abs=1e-4)
        assert sums[1] == (log_probs.argmax(-1) == target.argmax(-1)).sum()


def test_a_student_comes_to_say_what_it_is_told() -> None:
    cases = some_cases(probability=0.8)
    trainer = StudentTrainer(student(), JudgeConfig(learning_rate=3e-3))
    first = trainer.step(cases)
    for _ in range(30):
        last = trainer.step(cases)
    entropy = -(0.8 * torch.tensor(0.8).log() + 0.2 * torch.tensor(0.2).log()).item()
    assert first["loss"] > last["loss"] >= entropy - 1e-6
    assert last["agreement"] == 1
