"""Your own questions, from a file with one JSON object a line.

| field | |
|---|---|
| ``question`` | the text; required |
| ``answer`` | required; null where the truth is unknown. With options: the right option's number counted from 0, or its text, or its letter (A is the first). Without: the reference answer, a text or a number |
| ``options`` | two or more texts, kept in their order; leave out for questions answered in free text |
| ``passage`` | what only experts may read |
| ``id`` | any text that no other line has; ``FILE-LINE`` by default |
| others | kept in ``Question.metadata`` and shown to nobody |
"""  # noqa: E501 (a table's row is a line)

from __future__ import annotations

from pathlib import Path

from oversight_envs.core.question import Question, Task
from oversight_envs.tasks.files import DataError, Row, existing_file, read_jsonl
from oversight_envs.tasks.final_answers import numbers_equal
from oversight_envs.tasks.splits import SPLITS, check_split, rank_splits

_FIELDS = frozenset(("id", "question", "options", "answer", "passage"))


class JSONL(Task):
    """Questions from ``path`` (the format is this module's docstring).

    ``split="all"``, or 15% of the passages as ``test``, 15% as ``validation`` and the rest as ``train``, by a digest of
    the passage (of the question where there is none): no passage is in two splits.
    """

    name = "jsonl"

    def __init__(self, path: str | Path, split: str = "all") -> None:
        self.split = check_split(split, ("all", *SPLITS))
        file = existing_file(path)
        questions: dict[str, Question] = {}
        for row in read_jsonl(file):
            question = _question(row, f"{file.stem}-{row.where.rpartition(':')[2]}")
            if question.id in questions:
                raise DataError(f"{row.where}: id {question.id!r} stands on an earlier line too")
            questions[question.id] = question
        splits = rank_splits(question.passage or question.text for question in questions.values())
        self._questions = [q for q in questions.values() if split in ("all", splits[q.passage or q.text])]
        if not self._questions:
            raise ValueError(f"no question is in split {split!r} of path={str(path)!r}, which has {len(questions)}")
        self.checkable = not all(question.options for question in self._questions)

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, index: int) -> Question:
        if not 0 <= index < len(self):
            raise IndexError(f"question {index} of task {self.name!r} ({self.split}), which has {len(self)}")
        return self._questions[index]

    def check(self, question: Question, answer: str | None) -> bool:
        """Right if both are the same number, or the same words up to case and spaces."""
        if not isinstance(question.truth, str):
            raise ValueError(f"question {question.id!r} has no reference answer in free text, so none can be marked")
        if answer is None:
            return False
        return numbers_equal(question.truth, answer) or _plain(question.truth) == _plain(answer)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")


def _question(row: Row, id: str) -> Question:
    fields = row.fields
    if "answer" not in fields:
        raise DataError(f"{row.where}: field 'answer' is missing (null where the truth is unknown)")
    options = fields.get("options") or []
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise DataError(f"{row.where}: field 'options' must be a list of texts, not {options!r:.200}")
    passage = fields.get("passage") or ""
    if not isinstance(passage, str):
        raise DataError(f"{row.where}: field 'passage' must be a text, not {passage!r:.80}")
    try:
        return Question(
            id=row.text("id") if "id" in fields else id,
            text=row.text("question"),
            options=tuple(options),
            passage=passage,
            truth=_truth(row, options),
            metadata={name: value for name, value in fields.items() if name not in _FIELDS},
        )
    except DataError:
        raise
    except ValueError as error:  # Question's own rules, such as no equal options
        raise DataError(f"{row.where}: {error}") from None


def _truth(row: Row, options: list[str]) -> int | str | None:
    answer = row.fields["answer"]
    if answer is None:
        return None
    if not options:
        if isinstance(answer, bool) or not isinstance(answer, (str, int, float)) or not str(answer).strip():
            raise DataError(f"{row.where}: field 'answer' must be a text or a number, not {answer!r:.80}")
        return str(answer).strip()
    letters = [chr(ord("A") + index) for index in range(min(len(options), 26))]
    if type(answer) is int and 0 <= answer < len(options):
        return answer
    for choices in (options, letters):  # an option's own text goes first: options may be letters themselves
        if isinstance(answer, str) and answer.strip() in (stripped := [choice.strip() for choice in choices]):
            return stripped.index(answer.strip())
    raise DataError(
        f"{row.where}: field 'answer' must be an index from 0 to {len(options) - 1}, an option's text or its letter, "
        f"not {answer!r:.80}"
    )
