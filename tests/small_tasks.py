"""Two small tasks that most tests play on: questions about a passage, and open problems with a checker."""

from __future__ import annotations

from oversight_envs.core.question import Question, Task

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
