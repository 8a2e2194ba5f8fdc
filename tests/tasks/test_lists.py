"""Questions of one's own from lists, tables and the hub: one meaning of fields, options shuffled by seed."""

from __future__ import annotations

import doctest
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from task_files import every, written

from oversight_envs import Question, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.tasks import ListTask, from_csv, from_hub, lists
from oversight_envs.tasks.files import DataError
from oversight_envs.tasks.jsonl import JSONL

FOUR = {"question": "Who?", "options": ["Ann", "Ben", "Cy", "Di"], "answer": "Cy", "passage": "It was Cy."}


def right(question: Question) -> str:
    assert isinstance(question.truth, int)
    return question.options[question.truth]


def test_the_documented_example_runs() -> None:
    assert doctest.testmod(lists).attempted > 0 == doctest.testmod(lists).failed


def test_lists_files_and_the_hub_give_the_same_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"query": f"Who, {i}?", "key": "ABCD"[i % 4], "text": {"full": f"It, {i}"}, "level": str(i)} for i in range(9)
    ]
    names = ["Ann", "Ben", "Cy", "Di"]
    columns = {"question": "query", "answer": "key", "passage": "text.full", "options": "choices.names"}
    nested = [{**row, "choices": {"names": names}} for row in rows]
    library = types.ModuleType("datasets")
    library.load_dataset = lambda name, config, split: nested  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", library)
    table = "query,key,text,level,a,b,c,d\n" + "\n".join(
        f'"{row["query"]}",{row["key"]},"{row["text"]["full"]}",{row["level"]},{",".join(names)}' for row in rows
    )
    (tmp_path / "own.csv").write_text("\ufeff" + table, encoding="utf-8")
    flat: Any = {**columns, "passage": "text", "options": ["a", "b", "c", "d"]}
    tasks = [
        ListTask(nested, columns=columns, shuffle=False),
        JSONL(written(tmp_path, *nested), columns=columns, shuffle=False),
        from_hub("me/mine", "train", columns=columns, shuffle=False),
        from_csv(tmp_path / "own.csv", columns=flat, shuffle=False),
    ]
    for task in tasks:
        found = [(q.text, q.passage, q.options, right(q), q.metadata["level"]) for q in every(task)]
        assert found == [(f"Who, {i}?", f"It, {i}", tuple(names), names[i % 4], str(i)) for i in range(9)]
    assert [task.full_name for task in tasks] == ["list/all", "jsonl/all", "me/mine/train", "own/all"]
    assert [task[0].id for task in tasks] == ["list-1", "data-1", "me/mine/train-1", "own-2"]


def test_options_are_shuffled_by_the_question_unless_asked_not_to(tmp_path: Path) -> None:
    rows = [{**FOUR, "question": f"Who, {i}?", "answer": 0} for i in range(400)]
    for options, places in ((None, 4), (2, 2), (3, 3)):
        task = ListTask(rows, options=options)
        count = np.bincount([int(q.truth or 0) for q in task], minlength=places)
        assert len(count) == places
        assert all(count > 0.7 * 400 / places)
        assert {right(q) for q in task} == {"Ann"}
        wrong = [name for q in task for name in q.options if name != "Ann"]
        assert all(wrong.count(name) > 0.7 * len(wrong) / 3 for name in ("Ben", "Cy", "Di"))
        assert list(task) == list(ListTask(rows, options=options))
        assert [q.options for q in ListTask(rows[:9], options=options)] == [q.options for q in every(task)[:9]]
    kept = ListTask(rows, options=2, shuffle=False)
    assert {q.truth for q in kept} == {0}
    given = [Question(q.id, q.text, q.options, truth=q.truth) for q in ListTask(rows[:9], shuffle=False)]
    assert [q.options for q in ListTask(given)] == [q.options for q in ListTask(rows[:9])]
    assert list(ListTask(given, shuffle=False)) == given


@given(st.lists(st.text("abc", min_size=1), min_size=2, max_size=6, unique=True), st.data(), st.booleans())
def test_the_right_option_stays_and_stays_right(options: list[str], data: st.DataObject, shuffle: bool) -> None:
    answer, keep = data.draw(st.sampled_from(options)), data.draw(st.integers(2, len(options)))
    (question,) = ListTask([{"question": "?", "options": options, "answer": answer}], options=keep, shuffle=shuffle)
    assert right(question) == answer
    assert len(question.options) == keep
    assert set(question.options) <= set(options)
    if not shuffle:
        assert list(question.options) == [option for option in options if option in question.options]


def test_the_wrong_option_can_be_chosen() -> None:
    for distractor in ("Di", "D", 3, np.int64(3)):
        (question,) = ListTask([{**FOUR, "distractor": distractor}], options=2)
        assert set(question.options) == {"Cy", "Di"}
    (question,) = ListTask(
        [{**FOUR, "answer": 3, "worst": 1}], options=2, columns={"distractor": "worst"}, count_from=1
    )
    assert set(question.options) == {"Ann", "Cy"}
    players = {"debater_0": ScriptedAgent(["Hm."]), "debater_1": ScriptedAgent(["Hm."]), "judge_0": "oracle"}
    assert len(rollout("debate", ListTask([FOUR], options=2), players)) == 1
    with pytest.raises(ValueError, match="has 4: choose a task with options=2"):
        rollout("consultancy", ListTask([FOUR]), {"consultant_0": ScriptedAgent(["Hm."]), "judge_0": "oracle"})


@pytest.mark.parametrize(
    ("row", "arguments", "says"),
    [
        ({"question": "?"}, {}, "field 'answer' is missing"),
        ({"query": "?", "answer": "x"}, {}, "columns={'question': ...} says which it is"),
        (FOUR, {"columns": {"passage": "artcle"}}, "field 'artcle' is missing"),
        (FOUR, {"columns": {"options": ["options", "e"]}}, "field 'e' is missing"),
        ({**FOUR, "answer": 4}, {}, "an index from 0 to 3"),
        ({**FOUR, "answer": 0}, {"count_from": 1}, "an index from 1 to 4"),
        ({**FOUR, "answer": True}, {}, "field 'answer'"),
        ({**FOUR, "answer": None}, {"options": 2}, "can't be chosen: give the answer"),
        ({**FOUR, "distractor": "Cy"}, {"options": 2}, "field 'distractor' names the right option"),
        ({"question": "?", "answer": "x", "distractor": "y"}, {}, "there are no options"),
        ({**FOUR, "options": ["a", None]}, {}, "field 'options' must be a list of texts"),
        (FOUR, {"options": 5}, "gives 4 options, and options=5"),
        ({**FOUR, "level": float("nan")}, {}, "field 'level' has nan"),
        ({**FOUR, "level": object()}, {}, "field 'level' has"),
        ({**FOUR, "question": "\ud800"}, {}, "field 'question' has"),
        ("text", {}, "must be a dict"),
        ({1: 2}, {}, "must be a dict"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_named(row: Any, arguments: Any, says: str) -> None:
    with pytest.raises(DataError, match=r"^rows\[0\]: .*" + re.escape(says)):
        ListTask([row], **arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"columns": {"anwser": "x"}}, "did you mean 'answer'?"),
        ({"columns": {"answer": ["x", "y"]}}, "give 'answer' the name of one column"),
        ({"options": 1}, "options=1"),
        ({"options": True}, "options=True"),
        ({"shuffle": "no"}, "shuffle='no'"),
        ({"count_from": -1}, "count_from=-1"),
        ({"split": "dev"}, "split='dev'"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        ListTask([FOUR], **arguments)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "csv:1: an empty file"),
        ("question,answer,answer\n", "csv:1: column 'answer' stands twice"),
        ("question,answer\n?,x,y\n", "csv:2: 3 cells under 2 names"),
        ('question,answer\n"a\nb",x\n"?,x\n', "csv:4: no row of a CSV file"),
        ("question,answer\n\n?,\n?,x,\n", "csv:4: 3 cells"),
        (b"question,answer\n?,x\n?,\xff\n", "csv:3: not UTF-8"),
        ('question,answer,options\n?,A,"[1, 2]"\n', "csv:2: field 'options' must be a list of texts"),
        ('question,answer,options\n?,A,"[1"\n', "csv:2: field 'options' is no JSON list"),
    ],
)
def test_a_malformed_table_is_named(tmp_path: Path, table: str | bytes, says: str) -> None:
    (tmp_path / "own.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(DataError, match=re.escape(says)):
        from_csv(tmp_path / "own.csv")


def test_tables_of_other_forms(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text('question\tanswer\toptions\r\n"a\r\nb"\t1\t["x, z", "y"]\r\n?\t\t["x", "y"]')
    task = from_csv(tmp_path / "own.tsv", delimiter="\t", shuffle=False)
    assert [(q.text, q.options, q.truth) for q in task] == [("a\nb", ("x, z", "y"), 1), ("?", ("x", "y"), None)]
