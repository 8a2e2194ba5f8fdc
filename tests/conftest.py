"""What several test files use: a small task with a passage, and judges that need no model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from oversight_envs.core.question import Question, Task
from oversight_envs.judges import OracleJudge

PASSAGES = (
    ("cat", "The cat sat on the mat until noon. Then it crept under the bed, and there it stayed.", "under the bed"),
    ("key", "Ann put the key in the drawer. “It is on the hook,” she told Tom, but that was not so.", "in the drawer"),
    ("cup", "First the cup was full. By the evening someone had emptied it on the fern.", "empty"),
    ("dog", "The dog barked twice in the night, and no one woke.", "twice"),
)
WRONG = {"cat": "on the mat", "key": "on the hook", "cup": "full", "dog": "never"}


class Things(Task):
    """Four questions with two answers each; the right one stands first in two of them."""

    name, split, checkable = "things", "all", True

    def __len__(self) -> int:
        return len(PASSAGES)

    def __getitem__(self, index: int) -> Question:
        if not -4 <= index < 4:
            raise IndexError(index)
        index %= 4
        thing, passage, right = PASSAGES[index]
        options = (right, WRONG[thing]) if index % 2 else (WRONG[thing], right)
        return Question(thing, f"What about the {thing}?", options, passage, options.index(right))

    def check(self, question: Question, answer: str | None) -> bool:
        return answer == question.options[int(question.truth or 0)]


class Sums(Task):
    """Open problems with a checker."""

    name, split, checkable = "sums", "all", True

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Question:
        if not -6 <= index < 6:
            raise IndexError(index)
        index %= 6
        return Question(f"sum-{index}", f"What is {index} + 1?", truth=str(index + 1))

    def check(self, question: Question, answer: str | None) -> bool:
        return answer == question.truth


@pytest.fixture(scope="session")
def things() -> Things:
    return Things()


@pytest.fixture(scope="session")
def sums() -> Sums:
    return Sums()


@pytest.fixture(scope="session")
def oracle(things: Things) -> OracleJudge:
    return OracleJudge({q.id: q.options[int(q.truth or 0)] for q in things}, confidence=0.9)


@pytest.fixture(scope="session")
def data() -> Path:
    """The real data sets, where they lie beside the project; tests that need them skip elsewhere."""
    folder = Path(os.environ.get("OVERSIGHT_ENVS_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets in {folder.name}/: set OVERSIGHT_ENVS_DATA")
    return folder


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The models of the training tests are so small that threads only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
