"""The result files of Khan et al. (2024, *Debating with more persuasive LLMs leads to more truthful answers*).

Read are the tables (CSV) of https://github.com/ucl-dark/llm_debate: ``data0.csv``, ``data0_judgement.csv`` and their
``_swap`` twins, as its code writes them, and its data set of human judgements, as ``data/dataset_readme.md`` there
describes it. Each row holds a debate or a consultancy as JSON, in the column ``transcript``.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oversight_envs.core.answers import parse_decision
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.verdict import Verdict
from oversight_envs.importers.episodes import (
    Imported,
    LeftOut,
    Told,
    by_condition,
    named_errors,
    question_of,
    to_record,
    told_by,
)
from oversight_envs.tasks.files import DataError, Row, existing_file, read_csv, read_jsonl

SOURCE = "llm_debate"
LARGEST_CELL = 1 << 30
FIELDS = ("question", "answers", "names", "rounds", "swap")
"""Those of a transcript; the format before the published one has others."""
LETTERS = ("A", "B")
_TAGS = re.compile(r"<(/?)[vu]_quote>")
_ANSWER = re.compile(r"^(?:Final )?Answer: *<?([AB])>?\)? *$", re.MULTILINE)
_CONFIDENCE = re.compile(r"Confidence correct: *([0-9.]+)\s*$")


def import_llm_debate(
    path: str | Path, *, passages: Mapping[str, str] | None = None, without_passage: bool = False
) -> Imported:
    """The debates and consultancies of a file.

    Args:
        path: a CSV file.
        passages: the story of each ``question_set_id`` (QuALITY's ``set_unique_id``), for files that leave it out, as
            the published human judgements do.
        without_passage: take questions without their story all the same: then no quote is checked.

    A judge's letter is taken as 99% for its answer, a stated confidence as it is up to 99%. Rows that were not judged
    become episodes without a result, to be judged here (``rejudge``).

    Raises DataError, a ValueError that names the line, for a file or a row of another format or version, for a story
    that is missing, and for one that has none of the quotes that the file says are in it.
    """
    records: list[Record] = []
    left_out: Counter[str] = Counter()
    for number, row in enumerate(_rows(existing_file(path))):
        config = str(row.fields.get("debater_config") or "")
        human = "confidence_correct" in row.fields or _CONFIDENCE.search(_answer(row))
        try:
            with named_errors(row.where):
                transcript, told = _read(row, passages or {}, without_passage)
                names = {**dict.fromkeys(told.sides, config), "judge_0": "human" if human else "model"}
                record = to_record(SOURCE, told._replace(place=str(number), players=names))
        except LeftOut as why:
            left_out[str(why)] += 1
            continue
        _check_passage(row, transcript, record)
        records.append(record)
    if not records:
        raise DataError(f"{path}: no debate or consultancy in it (left out: {dict(left_out)})")
    return Imported(by_condition(records), dict(left_out))


def quality_stories(path: str | Path) -> dict[str, str]:
    """``set_unique_id`` -> article, of a QuALITY file (``QuALITY.v1.0.1.htmlstripped.dev``): see ``passages`` above."""
    return {row.text("set_unique_id"): row.text("article") for row in read_jsonl(existing_file(path))}


def _rows(file: Path) -> list[Row]:
    with _large_cells():
        rows = list(read_csv(file))
    if rows and "transcript" not in rows[0].fields:
        raise DataError(
            f"{file}:1: no column 'transcript', so this is no result file of llm_debate; its columns are "
            f"{', '.join(rows[0].fields)}"
        )
    return rows


@contextmanager
def _large_cells() -> Iterator[None]:
    """A transcript holds its story and all candidates: more than ``csv`` takes by itself."""
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read(row: Row, passages: Mapping[str, str], without_passage: bool) -> tuple[dict[str, Any], Told]:
    if row.fields.get("complete") == "False":
        raise LeftOut("the debate is not complete")
    transcript = _transcript(row)
    rounds, swap = transcript["rounds"], transcript["swap"]
    if not isinstance(rounds, list) or not all(isinstance(said, dict) for said in rounds):
        raise DataError(f"{row.where}: the transcript's 'rounds' must be a list of objects, not {rounds!r:.80}")
    if not isinstance(swap, bool):
        raise DataError(f"{row.where}: the transcript's 'swap' must be true or false, not {swap!r:.80}")
    speakers = [side for side in ("correct", "incorrect") if any(said.get(side) is not None for said in rounds)]
    if not speakers:
        raise LeftOut("a baseline: nobody speaks")
    question = _question(row, transcript, passages, without_passage)
    assert isinstance(question.truth, int)
    option = {"correct": question.truth, "incorrect": 1 - question.truth}
    order = ("incorrect", "correct") if swap else ("correct", "incorrect")
    debate = len(speakers) == 2
    roles = dict(zip(("debater_0", "debater_1"), order, strict=True)) if debate else {"consultant_0": speakers[0]}
    said = {role: [_speech(row, part, side, k) for k, part in enumerate(rounds)] for role, side in roles.items()}
    asked = [_judge_says(row, part) for part in rounds]
    if asked[0]:
        raise LeftOut("the judge speaks before the first round")
    if any(asked):
        said["judge_0"] = asked[1:]
    verdict, unjudged = _verdict(row, first_is_right=not swap)
    sides = {role: option[side] for role, side in roles.items()}
    sequential = debate and any(part.get("type") == "seq" for part in rounds)
    return transcript, Told(question, sides, tuple(option[s] for s in order), said, verdict, unjudged, sequential)


def _transcript(row: Row) -> dict[str, Any]:
    text = row.text("transcript")
    try:
        transcript = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(
            f"{row.where}: the transcript is no JSON, as those of early versions were: {text!r:.80}"
        ) from None
    if not isinstance(transcript, dict) or any(key not in transcript for key in FIELDS):
        has = ", ".join(transcript) if isinstance(transcript, dict) else type(transcript).__name__
        raise DataError(
            f"{row.where}: a transcript of another version: it must have {', '.join(FIELDS)}, and has {has:.200}"
        )
    return transcript


def _question(row: Row, transcript: Mapping[str, Any], passages: Mapping[str, str], without_passage: bool) -> Question:
    answers, asked = transcript["answers"], transcript["question"]
    right, wrong = (answers.get(side) if isinstance(answers, Mapping) else None for side in ("correct", "incorrect"))
    if not all(isinstance(text, str) and text.strip() for text in (right, wrong, asked)):
        raise DataError(
            f"{row.where}: a transcript needs a question and two answers, not {asked!r:.80}, {answers!r:.80}"
        )
    set_id = str(transcript.get("question_set_id") or row.fields.get("question_set_id") or "")
    story = transcript.get("story") or row.fields.get("story") or passages.get(set_id)
    if not story and not without_passage:
        raise DataError(
            f"{row.where}: there is no story of question set {set_id!r}: give a QuALITY file that has it (passages, "
            "--passages FILE), or go without, and no quote is checked (without_passage, --without-passage)"
        )
    passage = "" if without_passage else str(story)
    return question_of(SOURCE, set_id, asked, str(right), str(wrong), passage, title=transcript.get("story_title"))


def _speech(row: Row, part: Mapping[str, Any], side: str, number: int) -> str:
    text = part.get(side)
    if not isinstance(text, str):
        raise DataError(f"{row.where}: round {number + 1} must have a text of the {side} side, not {text!r:.80}")
    return _TAGS.sub(r"<\1quote>", text)


def _judge_says(row: Row, part: Mapping[str, Any]) -> str:
    """What the judge, or a model in its place, says before a round."""
    texts = [part.get(who) or "" for who in ("judge", "cross_examiner")]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"{row.where}: what the judge says must be a text, not {texts!r:.80}")
    return "\n".join(text for text in texts if text.strip())


def _verdict(row: Row, *, first_is_right: bool) -> tuple[Verdict | None, str]:
    """What was decided; or None, and why there is nothing."""
    answer = _answer(row)
    stated = row.fields.get("confidence_correct")
    if stated is None and (match := _CONFIDENCE.search(answer)):
        stated = match[1]
    if stated is not None:
        try:
            p = float(stated)
        except ValueError:
            p = -1.0
        if not 0 <= p <= 1:
            raise DataError(f"{row.where}: 'confidence_correct' must be a number from 0 to 1, not {stated!r:.80}")
        about = {name: row.fields.get(name) for name in ("judge_id", "explanation")}
        return told_by(parse_decision(f"{p if first_is_right else 1 - p:.6f}", LETTERS), **about), ""
    if not answer:
        return None, "the file has no judgement of it"
    letters = {answer[0]} & set(LETTERS) if len(answer) <= 3 else set(_ANSWER.findall(answer))
    if len(letters) != 1:
        return None, f"the judge's answer names no letter, or both: {answer[-200:]!r}"
    return told_by(parse_decision(letters.pop(), LETTERS), answer=answer), ""


def _answer(row: Row) -> str:
    """What the judge, or the first of several votes, said."""
    return next(
        (str(row.fields[name]) for name in ("answer_judge", "answer_judge1") if row.fields.get(name)), ""
    ).strip()


def _check_passage(row: Row, transcript: Mapping[str, Any], record: Record) -> None:
    """Raises DataError where the story has no quote that the file says is in it."""
    marked = json.dumps(transcript["rounds"]).count("<v_quote>")
    quotes = [quote for statement in record.transcript for quote in statement.quotes]
    if record.question.passage and marked and not any(quote.verified for quote in quotes):
        raise DataError(
            f"{row.where}: none of the {marked} quotes that are marked as standing in the story does: it is another "
            "passage"
        )
