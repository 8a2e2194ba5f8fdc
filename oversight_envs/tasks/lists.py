"""Your own questions: from a list, a CSV file or the Hugging Face hub; ``JSONL`` reads files with an object a line.

    >>> from oversight_envs.tasks import ListTask
    >>> rows = [
    ...     {"question": "Who built the boat?", "options": ["Noah", "Ann"], "answer": "Ann", "passage": "Ann built it."},
    ...     {"question": "Who sank it?", "options": ["Noah", "Ann"], "answer": 0},
    ... ]
    >>> task = ListTask(rows)
    >>> [question.options[question.truth] for question in task]
    ['Ann', 'Noah']

All take the same arguments and the same fields:

| field | |
|---|---|
| ``question`` | the text; required |
| ``answer`` | required; null where the truth is unknown. With options: the right option's text, or its letter (A is the first), or its number counted from ``count_from``. Without: the reference answer, a text or a number |
| ``options`` | two or more texts, as many in every row; leave out for questions answered in free text |
| ``distractor`` | the wrong option that is kept if two are, given as the answer is; drawn where it is left out |
| ``passage`` | what only experts may read |
| ``id`` | any text that no other row has; ``NAME-LINE`` by default |
| others | kept in ``Question.metadata`` and shown to nobody |

``columns`` says what a field is called in your data, if not by its own name: ``{"question": "query", "passage":
"article.text"}`` (a point leads into nested objects), and for options in columns of their own ``{"options": ["right",
"wrong 1", "wrong 2"], "answer": "right"}``.

``options=2`` keeps the right option and one wrong one (the ``distractor``, else drawn from the question's id), as a
debate needs; None keeps all. The options' order is drawn from the question's id as well, since a place that is always
the right one could be learned; ``shuffle=False`` keeps the order of the data.

``split`` is ``all``, or 15% of the passages as ``test``, 15% as ``validation`` and the rest as ``train``, by a digest of
the passage (of the question where there is none): no passage is in two splits.
"""  # noqa: E501 (a table's row is a line)

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.question import Question, Task
from oversight_envs.tasks.files import DataError, Row, check_values, existing_file, read_csv
from oversight_envs.tasks.final_answers import numbers_equal
from oversight_envs.tasks.hub import hub_rows
from oversight_envs.tasks.options import shown_options
from oversight_envs.tasks.splits import SPLITS, check_split, rank_splits

FIELDS = ("id", "question", "options", "answer", "distractor", "passage")
Columns = Mapping[str, str | Sequence[str]]
"""Field -> what it is called in the data; for ``options`` also one name for each option."""


class ListTask(Task):
    """Questions from ``rows``, dicts or ``Question``s; fields and arguments are in this module's docstring.

    Raises DataError, naming the row, the field and what to do, for a row that can't be used, before anything is played.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any] | Question | Row],
        split: str = "all",
        *,
        columns: Columns | None = None,
        options: int | None = None,
        shuffle: bool = True,
        count_from: int = 0,
        name: str = "list",
    ) -> None:
        self.name, self.split = name, check_split(split, ("all", *SPLITS))
        reader = _RowReader(dict(columns or {}), options, shuffle, count_from)
        questions: dict[str, Question] = {}
        count: int | None = None
        for number, row in enumerate(rows, start=1):
            where = row.where if isinstance(row, Row) else f"rows[{number - 1}]"
            line = where.rpartition(":")[2] if isinstance(row, Row) else number
            question = reader.question(row, where, f"{name}-{line}")
            if question.id in questions:
                raise DataError(f"{where}: id {question.id!r} stands on an earlier line too: give each row its own")
            count = len(question.options) if count is None else count
            if len(question.options) != count:
                raise DataError(
                    f"{where}: field {reader.key('options')!r} gives {len(question.options)} options, and earlier rows "
                    f"have {count}: give every row as many, or options=2 to keep two of each"
                )
            questions[question.id] = question
        splits = rank_splits(question.passage or question.text for question in questions.values())
        self._questions = [q for q in questions.values() if split in ("all", splits[q.passage or q.text])]
        if not self._questions:
            raise ValueError(f"no question is in split {split!r} of task {name!r}, which has {len(questions)}")
        self.checkable = not count

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


def from_csv(
    path: str | Path,
    split: str = "all",
    *,
    columns: Columns | None = None,
    options: int | None = None,
    shuffle: bool = True,
    count_from: int = 0,
    delimiter: str = ",",
) -> ListTask:
    """Questions from a CSV file whose first line names the columns (``delimiter="\\t"`` for TSV).

    Options stand in columns of their own (``columns={"options": [...]}``), or as a JSON list in one cell.
    """
    file = existing_file(path)
    return ListTask(
        read_csv(file, delimiter), split,
        columns=columns, options=options, shuffle=shuffle, count_from=count_from, name=file.stem,
    )  # fmt: skip


def from_hub(
    dataset: str,
    split: str = "train",
    *,
    config: str | None = None,
    columns: Columns | None = None,
    options: int | None = None,
    shuffle: bool = True,
    count_from: int = 0,
) -> ListTask:
    """Questions from a data set of the Hugging Face hub. ``split`` and ``config`` are the data set's own.

    from_hub("allenai/ai2_arc", config="ARC-Challenge", options=2,
             columns={"options": "choices.text", "answer": "answerKey"})
    """
    task = ListTask(
        hub_rows(dataset, config, split),
        columns=columns, options=options, shuffle=shuffle, count_from=count_from, name=f"{dataset}/{split}",
    )  # fmt: skip
    task.name, task.split = dataset, split
    return task


@dataclass(frozen=True)
class _RowReader:
    """How rows become questions."""

    columns: dict[str, str | Sequence[str]]
    keep: int | None
    shuffle: bool
    count_from: int

    def __post_init__(self) -> None:
        for field, column in self.columns.items():
            if field not in FIELDS:
                close = difflib.get_close_matches(field, FIELDS, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise ValueError(f"columns={self.columns!r}: there is no field {field!r}: {hint}{', '.join(FIELDS)}")
            if not isinstance(column, str) and (field != "options" or len(column) < 2):
                raise ValueError(f"columns={self.columns!r}: give {field!r} the name of one column")
        if self.keep is not None:
            at_least("options", self.keep, 2)
        one_of("shuffle", self.shuffle, (True, False))
        at_least("count_from", self.count_from, 0)

    def question(self, row: Mapping[str, Any] | Question | Row, where: str, id: str) -> Question:
        if isinstance(row, Question):
            right = row.truth if isinstance(row.truth, int) else None
            order = self._order(where, row.id, len(row.options), right, None)
            truth = row.truth if right is None else order.index(right)
            return replace(row, options=tuple(row.options[option] for option in order), truth=truth)
        fields = row.fields if isinstance(row, Row) else row
        if not isinstance(fields, Mapping) or not all(isinstance(key, str) for key in fields):
            raise DataError(f"{where}: a row must be a dict with texts as keys, or a Question, not {row!r:.80}")
        fields = {key: value.item() if isinstance(value, np.generic) else value for key, value in fields.items()}
        check_values(where, fields)
        used, given = self._given(where, fields)
        options = self._options(where, given)
        right = None
        if options:
            right = self._option(where, "answer", given["answer"], options)
            distractor = self._option(where, "distractor", given.get("distractor"), options)
            if distractor is not None and distractor == right:
                raise DataError(f"{where}: field {self.key('distractor')!r} names the right option: name a wrong one")
        elif given.get("distractor") is not None:
            raise DataError(f"{where}: field {self.key('distractor')!r} names a wrong option, and there are no options")
        id = self._text(where, given, "id") if given.get("id") is not None else id
        order = self._order(where, id, len(options), right, distractor) if options else ()
        try:
            return Question(
                id=id,
                text=self._text(where, given, "question"),
                options=tuple(options[option] for option in order),
                passage=self._text(where, given, "passage") if given.get("passage") not in (None, "") else "",
                truth=(None if right is None else order.index(right)) if options else self._reference(where, given),
                metadata={key: value for key, value in fields.items() if key not in used},
            )
        except DataError:
            raise
        except (TypeError, ValueError) as error:  # Question's own rules, such as no equal options
            raise DataError(f"{where}: {error}") from None

    def key(self, field: str) -> str:
        column = self.columns.get(field, field)
        return column if isinstance(column, str) else ", ".join(column)

    def _given(self, where: str, fields: Mapping[str, Any]) -> tuple[set[str], dict[str, Any]]:
        """The keys that are used, and the fields that the row gives, by their own names."""
        used: set[str] = set()
        given: dict[str, Any] = {}
        for field in FIELDS:
            column = self.columns.get(field, field)
            values = []
            for name in [column] if isinstance(column, str) else column:
                key, is_there, value = _look_up(fields, name)
                if is_there:
                    used.add(key)
                    values.append(value)
                elif field in self.columns or field in ("question", "answer"):
                    close = difflib.get_close_matches(name.lower(), fields, n=1)
                    hint = f"is it {close[0]!r}? " if close else ""
                    raise DataError(
                        f"{where}: field {name!r} is missing (null where there is none): {hint}The fields are "
                        f"{', '.join(map(repr, fields))}; columns={{{field!r}: ...}} says which it is"
                    )
            if values:
                given[field] = values[0] if isinstance(column, str) else values
        for key in fields:
            close = difflib.get_close_matches(key.lower(), [f for f in FIELDS if f not in given], n=1, cutoff=0.85)
            if key not in used and close:
                raise DataError(
                    f"{where}: field {key!r}: did you mean {close[0]!r}? Rename it, or say what it is: "
                    f"columns={{{close[0]!r}: {key!r}}}"
                )
        return used, given

    def _text(self, where: str, given: Mapping[str, Any], field: str) -> str:
        value = given[field]
        if field == "id" and isinstance(value, Integral) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{where}: field {self.key(field)!r} must be a non-empty text, not {value!r:.80}")
        return value

    def _options(self, where: str, given: Mapping[str, Any]) -> list[str]:
        options = given.get("options")
        if options is None or options == []:
            return []
        if isinstance(options, str) and options.lstrip().startswith("["):  # a cell of a table
            try:
                options = json.loads(options)
            except ValueError as error:
                raise DataError(f"{where}: field {self.key('options')!r} is no JSON list ({error})") from None
        if not isinstance(options, (list, tuple)) or not all(
            isinstance(option, str) and option.strip() for option in options
        ):
            raise DataError(f"{where}: field {self.key('options')!r} must be a list of texts, not {options!r:.200}")
        return list(options)

    def _option(self, where: str, field: str, value: Any, options: Sequence[str]) -> int | None:
        """Which option is meant, counted from 0."""
        if value is None:
            return None
        if isinstance(value, str):
            letters = [chr(ord("A") + index) for index in range(min(len(options), 26))]
            numbers = [str(self.count_from + index) for index in range(len(options))]
            # an option's own text goes first: options may be letters or numbers themselves
            for choices in ([option.strip() for option in options], letters, numbers):
                if value.strip() in choices:
                    return choices.index(value.strip())
        elif isinstance(value, Integral) and not isinstance(value, bool):
            index = int(value) - self.count_from
            if 0 <= index < len(options):
                return index
        last = self.count_from + len(options) - 1
        raise DataError(
            f"{where}: field {self.key(field)!r} must be an option's text or its letter, or an index from "
            f"{self.count_from} to {last} (count_from={self.count_from}), not {value!r:.80}"
        )

    def _reference(self, where: str, given: Mapping[str, Any]) -> str | None:
        answer = given["answer"]
        if answer is None:
            return None
        if isinstance(answer, bool) or not isinstance(answer, (str, Real)) or not str(answer).strip():
            raise DataError(f"{where}: field {self.key('answer')!r} must be a text or a number, not {answer!r:.80}")
        return str(answer).strip()

    def _order(self, where: str, id: str, count: int, right: int | None, distractor: int | None) -> tuple[int, ...]:
        if self.keep is not None and count and count < self.keep:
            raise DataError(f"{where}: field {self.key('options')!r} gives {count} options, and options={self.keep}")
        if self.keep is not None and self.keep < count and right is None:
            raise DataError(
                f"{where}: field {self.key('answer')!r} is unknown, so options={self.keep} of {count} can't be "
                "chosen: give the answer, or options=None"
            )
        preferred = () if distractor is None else (distractor,)
        return shown_options(id, count, right, stream="own", keep=self.keep, preferred=preferred, shuffle=self.shuffle)


def _look_up(fields: Mapping[str, Any], name: str) -> tuple[str, bool, Any]:
    """The top-level key of ``name``, whether there is such a thing, and its value."""
    if name in fields:
        return name, True, fields[name]
    key, *path = name.split(".")
    value: Any = fields
    for part in (key, *path):
        if not isinstance(value, Mapping) or part not in value:
            return key, False, None
        value = value[part]
    return key, True, value


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")
