"""QuALITY: what its files may contain, which answers are kept, and that no article is in two splits."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from task_files import every, quality_line, quality_question, real, written

from oversight_envs.tasks.files import DataError
from oversight_envs.tasks.quality import Quality
from oversight_envs.tasks.splits import SPLITS, rank_splits


def test_quality_keeps_the_right_answer_and_the_best_distractor(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        quality_line("A", quality_question("most", votes=[3, 3, 2]), quality_question("tie", votes=[2, 4])),
        "",
        quality_line("A", quality_question("not gold", votes=[1, 1, 1, 4, None, 9]), quality_question("none", 2)),
    )
    pairs = {question.id: question for question in every(Quality(file))}
    wrong = {id: question.options[1 - int(question.truth or 0)] for id, question in pairs.items()}
    assert wrong["most"] == "c"
    assert wrong["tie"] in ("b", "d")
    assert wrong["not gold"] == "d"
    assert wrong["none"] in ("a", "c", "d")
    assert [pairs[id].options[int(pairs[id].truth or 0)] for id in ("most", "tie", "not gold", "none")] == list("aaab")
    assert pairs["most"].passage == "“Text”  of\n\n A"
    assert pairs["most"].metadata["distractor_from"] == "annotators"
    assert pairs["most"].metadata["untimed_accuracy"] == 1
    assert pairs["most"].metadata["speed_accuracy"] == 0
    assert pairs["none"].metadata["distractor_from"] == "seed"
    assert {Quality(file, options=4)[index].options.index("a") for index in range(4)} != {0}  # shuffled
    four = Quality(file, options=4, shuffle=False)
    assert four[3].options == ("a", "b", "c", "d")
    assert four[3].truth == 1


def test_quality_counts_what_it_leaves_out(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        quality_line(
            "A",
            quality_question("good", difficult=1),
            quality_question("good", difficult=1),
            quality_question("unlabelled", gold=None),
            quality_question("equal", options=["a", "b", "A ", "d"]),
            quality_question("empty", options=["a", "b", "", "d"]),
            quality_question("easy", difficult=0),
        ),
    )
    task = Quality(file, difficult_only=True)
    assert [question.id for question in every(task)] == ["good"]
    assert task.skipped == {
        "repeated question id": 1, "no gold label": 1, "equal options": 1, "empty option": 1, "not marked difficult": 1
    }  # fmt: skip
    with pytest.raises(ValueError, match="passage too long"):
        Quality(file, max_passage_chars=5)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", ":2: not a JSON object"),
        ("[1]", ":2: a line must be a JSON object, not a list"),
        ("\udcff", ":2: not a JSON object"),
        ({"article_id": "B", "article": ""}, ":2: field 'questions'"),
        ({"article_id": "B", "article": "", "questions": []}, ":2: field 'article'"),
        ({"article": "text", "questions": []}, ":2: field 'article_id'"),
        (quality_line("B", quality_question("x", 5)), ":2, question 1: field 'gold_label'"),
        (quality_line("B", quality_question("x", options=["a", "b"])), ":2, question 1: field 'options'"),
        (quality_line("B", quality_question("x", question=3)), ":2, question 1: field 'question'"),
        (quality_line("B", quality_question("x", validation=[3])), ":2, question 1: field 'validation'"),
    ],
)
def test_a_malformed_quality_line_is_named(tmp_path: Path, bad: Any, says: str) -> None:
    good = json.dumps(quality_line("A", quality_question("x")))
    line = bad if isinstance(bad, str) else json.dumps(bad)
    (tmp_path / "q.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=re.escape("q.jsonl" + says)):
        Quality(tmp_path / "q.jsonl")


@pytest.mark.parametrize("count", [3, 10, 40])
def test_no_article_is_in_two_splits(tmp_path: Path, count: int) -> None:
    lines = [quality_line(f"A{i % count}", quality_question(f"q{i}")) for i in range(2 * count)]
    file = written(tmp_path, *lines)
    articles = {s: {q.metadata["article_id"] for q in every(Quality(file, split=s))} for s in SPLITS}
    assert all(not a & b for a, b in combinations(articles.values(), 2))
    assert len(set().union(*articles.values())) == count
    assert rank_splits(map(str, reversed(range(9)))) == rank_splits("012345678")


def test_the_real_quality_articles() -> None:
    task = Quality(real("quality/quality.jsonl"))
    assert len(task) + sum(task.skipped.values()) == 131
    assert len(task) >= 125
    assert 0.35 < np.mean([question.truth for question in every(task)]) < 0.65
    assert all(len(question.passage) > 10_000 and len(question.options) == 2 for question in every(task))
