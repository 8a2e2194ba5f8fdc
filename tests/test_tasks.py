"""The tasks: what their files may contain, what counts as a right answer, and that nothing leaks between splits."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import re
import sys
import types
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.answers import final_answer
from oversight_envs.core.question import Question, Task
from oversight_envs.tasks import hub, make_task, task_names
from oversight_envs.tasks.arithmetic import Arithmetic, chain_text, run
from oversight_envs.tasks.corruption import WEIGHTS, corrupt
from oversight_envs.tasks.files import DataError
from oversight_envs.tasks.final_numbers import MAX_CHARS, REFUSED, numbers_equal, parse_number
from oversight_envs.tasks.gsm8k import GSM8K, load_model_solutions
from oversight_envs.tasks.jsonl import JSONL
from oversight_envs.tasks.passages import Passages
from oversight_envs.tasks.quality import Quality
from oversight_envs.tasks.splits import SPLITS, rank_splits
from oversight_envs.tasks.stories import Stories

DATA = Path(os.environ.get("OVERSIGHT_ENVS_DATA") or Path(__file__).parents[2] / "shared" / "data")


def real(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no {path}: put the data there or set OVERSIGHT_ENVS_DATA")
    return path


def written(folder: Path, *rows: Any, name: str = "data.jsonl") -> Path:
    """A file with a row a line; a text is written as it is."""
    file = folder / name
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return file


def every(task: Task) -> list[Question]:
    return [task[index] for index in range(len(task))]


# Numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18), ("-5", -5), ("\u22125", -5), ("$-5", -5), ("-$5", -5), ("+5", 5), ("18.", 18), ("007", 7),
        (".5", Fraction(1, 2)), ("18.00", 18), ("1,200.50", Fraction(2401, 2)), ("1,000,000", 10**6),
        ("3/4", Fraction(3, 4)), ("1 3/4", Fraction(7, 4)), ("-1 1/2", Fraction(-3, 2)), ("1/2 cup", Fraction(1, 2)),
        ("$1,200.50 dollars", Fraction(2401, 2)), ("18 eggs", 18), ("18€", 18), ("50%", 50), ("18-year-old", 18),
        ("$12.50/hour", Fraction(25, 2)), ("10 miles per hour.", 10), ("18 (eggs)", 18), ("(-5)", -5),
        ("= 18", 18), ("x = 5", 5), ("Total cost: $18", 18), ("The answer is 18.", 18), ("She makes $18 per day", 18),
        ("2.5 million", 2_500_000), ("2 million dollars", 2_000_000), ("**18**", 18),
        ("\\boxed{18}", 18), ("$18$", 18), ("$\\boxed{\\frac{3}{4}}$", Fraction(3, 4)), ("18\\%", 18),
        ("18 \\text{ dollars}", 18),
    ],
)  # fmt: skip
def test_a_clear_number_is_read(text: str, value: int | Fraction) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "eggs", ".", "$", "12 or 13", "12 13", "12-13", "12 - 13", "18, 19", "5 apples, 3 pears", "50 cents ($0.50)",
     "1,20", "1,2345", "1234,567", "0,500", "1 200", "1.2.3", "1/2/3", "3/0", "1 7/4", "3:30", "1e5", "2^3", "5²", "½",
     "3½", "5!", "٣", "18?", "18 =", "6*3 = 18", "18-", "5+", "--5", "A-18", "18k", "$18M", "half of 18", "not 18",
     "18 and a half", "about 18", "at least 18", "more than 18", "5 dozen", "two hundred", "no", "9" * (MAX_CHARS + 1)],
)  # fmt: skip
def test_what_could_mean_two_numbers_means_none(text: str) -> None:
    assert parse_number(text) is None


@given(
    st.integers(-(10**30), 10**30),
    st.sampled_from(
        ["{}", "{:,}", " {} ", "{}.0", "${:,}", "{} eggs", "x = {}", "Answer: {:,}.", "{}/1", "\\boxed{{{}}}"]
    ),
)
def test_numbers_come_back_from_text(number: int, form: str) -> None:
    text = form.format(number)
    assert parse_number(text) == number
    assert numbers_equal(str(number), text)
    assert not numbers_equal(str(number + 1), text)


@given(st.fractions(max_denominator=10**6).filter(lambda value: abs(value) < 10**9))
def test_fractions_come_back_from_text(value: Fraction) -> None:
    assert parse_number(str(value)) == value


@given(st.text(max_size=2 * MAX_CHARS) | st.text("0123456789.,/-+$% \\{}()efracx½٣", max_size=MAX_CHARS))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert parse_number(text) is None or any(character in "0123456789" for character in text)


@given(st.integers(0, 99), st.sampled_from(sorted(REFUSED)), st.booleans())
def test_a_hedged_number_is_refused(number: int, word: str, first: bool) -> None:
    if not first and word in ("hundred", "thousand", "million", "billion", "trillion"):
        return  # "5 hundred" is a clear number
    assert parse_number(f"{word} {number}" if first else f"{number} {word}") is None


# All tasks


def small_tasks(folder: Path) -> list[Task]:
    article = {"article_id": "1", "article": "text", "questions": [quality_question("1_1")]}
    problem = {"question": "How many?", "answer": "2+2=<<2+2=4>>4\n#### 4"}
    return [
        Passages(),
        Quality(written(folder, article, name="quality.jsonl")),
        GSM8K(written(folder, problem, name="gsm8k.jsonl")),
        JSONL(written(folder, {"question": "?", "answer": "yes"}, name="own.jsonl")),
        Stories(),
        Arithmetic(),
        Arithmetic(style="chain", split="test"),
    ]


def test_every_task_keeps_the_interface(tmp_path: Path) -> None:
    tasks = small_tasks(tmp_path)
    assert {task.name for task in tasks} == set(task_names())
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


# QuALITY


def quality_question(id: str, gold: int | None = 1, votes: list[Any] | None = None, **fields: Any) -> dict[str, Any]:
    question = {"question": f"Why {id}?", "question_unique_id": id, "options": ["a", "b", "c", "d"], **fields}
    if gold is not None:
        question["gold_label"] = gold
    if votes is not None:
        question["validation"] = [{"untimed_answer": 1, "untimed_best_distractor": vote} for vote in votes]
        question["speed_validation"] = [{"speed_annotator_id": "00NA", "speed_answer": 2}]
    return question


def quality_line(article: str, *questions: dict[str, Any]) -> dict[str, Any]:
    return {"article_id": article, "set_unique_id": f"{article}_w", "article": f"“Text”  of\n\n {article}",
            "questions": list(questions)}  # fmt: skip


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
    four = Quality(file, options=4)
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


def test_the_embedded_passages_are_a_whole_task() -> None:
    task = Passages()
    questions = every(task)
    assert len({question.passage for question in questions}) >= 12
    assert len(questions) >= 48
    assert task.skipped == {}
    assert 0.3 < np.mean([question.truth for question in questions]) < 0.7
    assert all(question.metadata["distractor_from"] == "annotators" for question in questions)
    assert sum(len(Passages(split)) for split in SPLITS) == len(questions)


def test_the_real_quality_articles() -> None:
    task = Quality(real("quality/quality.jsonl"))
    assert len(task) + sum(task.skipped.values()) == 131
    assert len(task) >= 125
    assert 0.35 < np.mean([question.truth for question in every(task)]) < 0.65
    assert all(len(question.passage) > 10_000 and len(question.options) == 2 for question in every(task))


# GSM8K


def test_gsm8k_hides_calculator_marks_and_reads_folders(tmp_path: Path) -> None:
    row = {"question": "3 boxes of <<4=4>>4?", "answer": "3*4 = <<3*4=12>>12 eggs\n#### 1,200"}
    written(tmp_path, row, name="train.jsonl")
    task = GSM8K(tmp_path)
    assert task.split == "train"
    assert task[0].text == "3 boxes of 4?"
    assert task[0].metadata["solution"] == "3*4 = 12 eggs\n#### 1,200"
    assert task.check(task[0], "$1200.00")
    assert not task.check(task[0], "1,200 or 1,300")
    assert task[0].id == GSM8K(tmp_path / "train.jsonl")[0].id
    with pytest.raises(FileNotFoundError, match=r"test\.jsonl"):
        GSM8K(tmp_path, split="test")
    bad = written(tmp_path, row, {"question": "?", "answer": "12"}, name="bad.jsonl")
    with pytest.raises(DataError, match=r"bad.jsonl:2: field 'answer' must end in '#### NUMBER'"):
        GSM8K(bad)
    entry = {"question": "?", "ground_truth": "A: 4", "tiny": {"solution": "A: <<1+3=4>>4", "is_correct": True}}
    (solution,) = load_model_solutions(written(tmp_path, entry, name="solutions.jsonl"))
    assert (solution.model, solution.solution, solution.is_correct) == ("tiny", "A: 4", True)
    worse = written(tmp_path, entry, {**entry, "tiny": {"solution": "A: 4"}}, name="worse.jsonl")
    with pytest.raises(DataError, match=r"worse.jsonl:2: 'tiny'"):
        load_model_solutions(worse)


def test_real_gsm8k_solutions_are_marked_right() -> None:
    train = GSM8K(real("gsm8k/train.jsonl"))
    assert len(train) == 7473
    assert all(train.check(question, final_answer(question.metadata["solution"])) for question in every(train))
    parts = [{q.id for q in every(GSM8K(real("gsm8k/train.jsonl"), split=split))} for split in SPLITS]
    assert all(not a & b for a, b in combinations(parts, 2))
    assert sum(map(len, parts)) == 7473


def test_real_model_solutions_are_marked_as_published() -> None:
    test = GSM8K(real("gsm8k/test.jsonl").parent, split="test")
    known = {question.id: question for question in every(test)}
    solutions = load_model_solutions(real("gsm8k/model_solutions.jsonl"))
    assert len(solutions) == 4 * len(known) == 2640
    same = [test.check(known[s.question.id], final_answer(s.solution)) == s.is_correct for s in solutions]
    assert np.mean(same) >= 0.99


# The hub


def test_data_sets_are_fetched_once_or_say_how_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    line = json.dumps(quality_line("A", quality_question("x"))).encode()
    fetched: list[str] = []

    def fake(url: str, timeout: float) -> io.BytesIO:
        if len(fetched) == 2:
            raise URLError("offline")
        fetched.append(url)
        return io.BytesIO(line)

    monkeypatch.setattr(hub, "urlopen", fake)
    assert len(Quality()) == len(Quality()) == 1
    assert [url.rsplit(".", 1)[-1] for url in fetched] == ["train", "dev"]
    with pytest.raises(ConnectionError, match="path="):
        hub.official_file("https://example.org/other")
    assert len(list((tmp_path / "oversight_envs").iterdir())) == 2

    library = types.ModuleType("datasets")
    library.load_dataset = lambda name, config, split: [{"question": name, "answer": "#### 4"}]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", library)
    assert GSM8K(split="test")[0].text == "openai/gsm8k"
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"oversight_envs\[hub\].*path="):
        GSM8K()


# Your own


def test_own_questions(tmp_path: Path) -> None:
    task = JSONL(
        written(
            tmp_path,
            {"question": "by index", "options": ["x", "y"], "answer": 1, "passage": "p"},
            {"question": "by text", "options": ["B", "A"], "answer": "A", "level": 3},
            {"question": "by letter", "options": ["x", "y", "z"], "answer": "C", "id": "mine"},
            "",
            {"question": "free text", "answer": "New York"},
            {"question": "number", "answer": 1200},
            {"question": "unknown", "answer": None},
        )
    )
    assert [question.truth for question in every(task)] == [1, 1, 2, "New York", "1200", None]
    assert [question.id for question in every(task)][1:4] == ["data-2", "mine", "data-5"]
    assert task[1].metadata == {"level": 3}
    assert task.checkable
    assert task.check(task[3], "new  york.")
    assert task.check(task[4], "$1,200")
    assert not task.check(task[4], "12")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "?"}, "'answer' is missing"),
        ({"answer": "x"}, "field 'question'"),
        ({"question": "?", "answer": 2, "options": ["a", "b"]}, "from 0 to 1"),
        ({"question": "?", "answer": "c", "options": ["a", "b"]}, "an option's text or its letter"),
        ({"question": "?", "answer": True}, "field 'answer'"),
        ({"question": "?", "answer": 0, "options": ["a", "a"]}, "equal options"),
        ({"question": "?", "answer": 0, "options": "ab"}, "field 'options'"),
        ({"question": "?", "answer": "x", "passage": 3}, "field 'passage'"),
        ({"question": "?", "answer": "x", "id": "data-1"}, "earlier line"),
    ],
)
def test_a_malformed_line_of_ones_own_is_named(tmp_path: Path, row: Any, says: str) -> None:
    file = written(tmp_path, {"question": "?", "answer": "x"}, row)
    with pytest.raises(DataError, match=f"data.jsonl:2: .*{re.escape(says)}"):
        JSONL(file)


def test_no_passage_of_ones_own_is_in_two_splits(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "answer": "x", "passage": f"p{i % 9}"} for i in range(30)]
    file = written(tmp_path, *rows)
    passages = [{question.passage for question in every(JSONL(file, split))} for split in SPLITS]
    assert [len(part) for part in passages] == [7, 1, 1]
    assert len(set().union(*passages)) == 9


# Stories


def place_on(question: Question) -> str:
    """The answer, found again from the texts alone."""
    asked = re.fullmatch(r"Where was the (\w+) at the end of day (\d+)\?", question.text)
    assert asked
    where = {}
    for line in question.passage.split("\n"):
        move = re.fullmatch(r"Day (\d+): \w+ moved the (\w+) to (the \w+)\.", line)
        assert move
        if int(move[1]) <= int(asked[2]):
            where[move[2]] = move[3]
    return where[asked[1]]


@pytest.mark.parametrize("options", [{}, {"lines": 3, "things": 1}, {"lines": 14, "things": 5, "days": 20, "names": 2}])
def test_stories_are_true_and_their_helpers_too(options: dict[str, int]) -> None:
    for question in Stories(**options).sample(150):  # type: ignore[arg-type]
        assert isinstance(question.truth, int)
        lines, support, best = question.passage.split("\n"), question.metadata["support"], question.metadata["best"]
        assert question.options[question.truth] == place_on(question)
        assert len(lines) == options.get("lines", 8)
        for option, true_lines, line in zip(question.options, support, best, strict=True):
            thing = question.metadata["thing"]
            assert true_lines == tuple(i for i, text in enumerate(lines) if text.endswith(f"{thing} to {option}."))
            assert line in true_lines if true_lines else line is None
        assert question.metadata["misleading"] == bool(support[1 - question.truth])
        assert best[question.truth] is not None


def test_stories_are_balanced_and_only_partly_guessable() -> None:
    questions = Stories().sample(1500, seed=3)
    assert 0.46 < np.mean([question.truth for question in questions]) < 0.54
    assert 0.5 < np.mean([question.metadata["misleading"] for question in questions]) < 0.9
    ceiling = Stories().blind_ceiling(samples=6000)
    assert 0.6 < ceiling < 0.75
    assert ceiling == Stories("test").blind_ceiling(samples=6000)


@pytest.mark.parametrize("make", [Stories, Arithmetic, lambda split: Arithmetic(split, style="chain", steps=1)])
def test_procedural_splits_share_nothing(make: Callable[[str], Task]) -> None:
    def content(question: Question) -> str:
        return question.passage or chain_text(question.metadata["start"], question.metadata["steps"])

    parts = [{content(question) for question in make(split).sample(300)} for split in SPLITS]
    assert all(parts)
    assert all(not a & b for a, b in combinations(parts, 2))


# Arithmetic


@pytest.mark.parametrize("style", ["words", "chain"])
@pytest.mark.parametrize("steps", [1, 3, 6])
def test_arithmetic_solutions_are_right_and_corrupted_ones_are_wrong(style: Any, steps: int) -> None:
    task = Arithmetic(style=style, steps=steps)
    rng = np.random.default_rng(0)
    for question in task.sample(200):
        solution = question.metadata["solution"]
        values = run(question.metadata["start"], question.metadata["steps"])
        assert task.check(question, final_answer(solution))
        assert len(values) == len(solution.split("\n")) == steps + 1
        assert 0 <= min(values) <= max(values) <= task.largest
        wrong = corrupt(solution, rng, largest=task.largest)
        assert not task.check(question, final_answer(wrong.solution))
        assert final_answer(wrong.solution) is not None
        assert max(map(int, re.findall(r"\d+", wrong.solution))) <= task.largest
        if wrong.kind not in ("skipped step", "final answer"):  # the error is where it says, and nowhere before
            pairs = list(zip(solution.split("\n"), wrong.solution.split("\n"), strict=True))
            assert next(i for i, (a, b) in enumerate(pairs) if a != b) == wrong.line


def test_all_kinds_of_error_are_planted() -> None:
    rng = np.random.default_rng(1)
    solutions = [question.metadata["solution"] for question in Arithmetic(style="chain").sample(2000)]
    kinds = [corrupt(solution, rng, largest=49).kind for solution in solutions]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in WEIGHTS}
    assert all(0.3 * weight < shares[kind] < 2 * weight for kind, weight in WEIGHTS.items()), shares
    for text in (
        "",
        "Answer: 3",
        "1 + 1 = 3 ;\nAnswer: 3",
        "1 + 1 = 2 ;\nAnswer: 3",
        "1 + 1 = 2 ;\n3 + 1 = 4 ;\nAnswer: 4",
    ):
        with pytest.raises(ValueError, match=r"not a right solution|already wrong|going on"):
            corrupt(text, rng)
