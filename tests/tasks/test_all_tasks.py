"""What every task has in common: the interface, its name, errors that name a bad argument, splits."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from task_files import quality_question, written

from oversight_envs.core.question import Question, Task
from oversight_envs.tasks import from_csv, make_task, task_names
from oversight_envs.tasks.arithmetic import Arithmetic, chain_text
from oversight_envs.tasks.gsm8k import GSM8K
from oversight_envs.tasks.jsonl import JSONL
from oversight_envs.tasks.nested_sums import NestedSums
from oversight_envs.tasks.passages import Passages
from oversight_envs.tasks.quality import Quality
from oversight_envs.tasks.splits import SPLITS
from oversight_envs.tasks.stories import Stories


def small_tasks(folder: Path) -> list[Task]:
    article = {"article_id": "1", "article": "text", "questions": [quality_question("1_1")]}
    problem = {"question": "How many?", "answer": "2+2=<<2+2=4>>4\n#### 4"}
    table = folder / "csv.csv"
    table.write_text("question,answer\n?,yes\n")
    return [
        Passages(),
        Quality(written(folder, article, name="quality.jsonl")),
        GSM8K(written(folder, problem, name="gsm8k.jsonl")),
        JSONL(written(folder, {"question": "?", "answer": "yes"}, name="own.jsonl")),
        from_csv(table),
        Stories(),
        Arithmetic(),
        Arithmetic(style="chain", split="test"),
        NestedSums(),
    ]


def test_every_task_keeps_the_interface(tmp_path: Path) -> None:
    tasks = small_tasks(tmp_path)
    assert {task.name for task in tasks} == set(task_names()) - {"hub"}  # which is a list once it is fetched, as csv is
    for task in tasks:
        question = task[0]
        assert question == task[0]
        for index in (-1, len(task)):
            with pytest.raises(IndexError, match=task.name):
                task[index]
        assert pickle.loads(pickle.dumps(task))[0] == copy.deepcopy(task)[0] == question
        assert [q.id for q in task.sample(1, seed=1)] == [q.id for q in task.sample(1, seed=1)]
        if task.checkable:
            assert isinstance(question.truth, str)
            assert task.check(question, question.truth)
            assert not task.check(question, None)
            with pytest.raises(ValueError, match=r"carries no|no reference"):
                task.check(question.without_truth(), question.truth)
        else:
            with pytest.raises((TypeError, ValueError)):
                task.check(question, "1")


def test_tasks_are_made_by_name_and_imported_only_then(tmp_path: Path) -> None:
    assert make_task("stories", split="test").split == "test"
    assert make_task("oversight_envs.tasks.stories:Stories").name == "stories"
    with pytest.raises(ValueError, match="did you mean 'stories'"):
        make_task("storys")
    with pytest.raises(TypeError, match=r"'stories'.*lines=8"):
        make_task("stories", line=8)
    with pytest.raises(TypeError, match="not a Task"):
        make_task("fractions:Fraction")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Stories("all"), "split='all'"),
        (lambda: Stories(lines=13), "days=12"),
        (lambda: Stories(things=9), "things=9"),
        (lambda: Arithmetic(steps=0), "steps=0"),
        (lambda: Arithmetic(style="prose"), "style='prose'"),  # type: ignore[arg-type]
        (lambda: Passages(options=3), "options=3"),
        (lambda: Passages(max_passage_chars=1), "passage too long"),
        (lambda: Quality(split="test"), "has no answers"),
        (lambda: Quality("nowhere.jsonl"), "path='nowhere.jsonl'"),
        (lambda: GSM8K("nowhere.jsonl"), "path='nowhere.jsonl'"),
        (lambda: JSONL("nowhere.jsonl"), "path='nowhere.jsonl'"),
    ],
)
def test_a_bad_argument_is_named(make: Callable[[], Task], says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(says)):
        make()


@pytest.mark.parametrize("make", [Stories, Arithmetic, lambda split: Arithmetic(split, style="chain", steps=1)])
def test_procedural_splits_share_nothing(make: Callable[[str], Task]) -> None:
    def content(question: Question) -> str:
        return question.passage or chain_text(question.metadata["start"], question.metadata["steps"])

    parts = [{content(question) for question in make(split).sample(300)} for split in SPLITS]
    assert all(parts)
    assert all(not a & b for a, b in combinations(parts, 2))
