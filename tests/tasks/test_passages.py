"""The passages that come with the package."""

from __future__ import annotations

import numpy as np
from task_files import every

from oversight_envs.tasks.passages import Passages
from oversight_envs.tasks.splits import SPLITS


def test_the_embedded_passages_are_a_whole_task() -> None:
    task = Passages()
    questions = every(task)
    assert len({question.passage for question in questions}) >= 12
    assert len(questions) >= 48
    assert task.skipped == {}
    assert 0.3 < np.mean([question.truth for question in questions]) < 0.7
    assert all(question.metadata["distractor_from"] == "annotators" for question in questions)
    assert sum(len(Passages(split)) for split in SPLITS) == len(questions)
