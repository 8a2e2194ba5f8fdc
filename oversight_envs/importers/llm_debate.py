"""The result files of Khan et al. (2024, *Debating with more persuasive LLMs leads to more truthful answers*).

Read are the tables (CSV) of https://github.com/ucl-dark/llm_debate: ``data0.csv``, ``data0_judgement.csv`` and their
``_swap`` twins, as its code writes them, and its data set of human judgements, as ``data/dataset_readme.md`` there
describes it. Each row holds a debate or a consultancy as JSON, in the column ``transcript``.

Each becomes an episode of our game with those speeches, so it can be replayed and judged again: what a prompt in it
shows is what *our* game would have shown, not what was shown then. The seed of an episode is one that draws its sides
and the order of its answers.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs.core.answers import parse_decision
from oversight_envs.core.episode import Episode, assignment
from oversight_envs.core.protocol import default_reward
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import finish
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict, with_info
from oversight_envs.protocols import Consultancy, Debate
from oversight_envs.tasks import ListTask
from oversight_envs.tasks.files import DataError, Row, existing_file, read_csv, read_jsonl

MOST_WORDS = 10_000
"""The word limit of the games: what was said is taken as it is."""
TRIES = 1000
LARGEST_CELL = 1 << 30
NEWER_THAN = ("answers", "names", "rounds", "swap")
"""The fields of a transcript that is not of the format before the one that was published."""
LETTERS = ("A", "B")
_TAGS = re.compile(r"<(/?)[vu]_quote>")
_ANSWER = re.compile(r"^(?:Final )?Answer: *<?([AB])>?\)? *$", re.MULTILINE)
_CONFIDENCE = re.compile(r"Confidence correct: *([0-9.]+)\s*$")


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file came to."""

    conditions: Mapping[str, list[Record]]
    """Name -> the episodes that were played in one way: game, rounds, and who played."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why rows were left out -> how many."""


class _LeftOut(Exception):
    """A row that is as it should be, and no episode: its reason."""


class _Told(NamedTuple):
    """One row, read."""

    question: Question
    sides: Mapping[str, int]
    order: tuple[int, ...]
    said: Mapping[str, list[str]]
    rounds: int
    asks: bool
    sequential: bool
    verified: int
    """Quotes that the file marks as standing in the story."""


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
    groups: dict[str, list[Record]] = {}
    left_out: Counter[str] = Counter()
    for number, row in enumerate(_rows(existing_file(path))):
        try:
            told = _read(row, passages or {}, without_passage)
        except _LeftOut as why:
            left_out[str(why)] += 1
            continue
        record = _record(row, told, number)
        groups.setdefault(json.dumps([record.protocol, record.config, record.players]), []).append(record)
    if not groups:
        raise DataError(f"{path}: no debate or consultancy in it (left out: {dict(left_out)})")
    return Imported(_named(list(groups.values())), dict(left_out))


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


def _read(row: Row, passages: Mapping[str, str], without_passage: bool) -> _Told:
    if row.fields.get("complete") == "False":
        raise _LeftOut("the debate is not complete")
    transcript = _transcript(row)
    rounds = transcript["rounds"]
    if not isinstance(rounds, list) or not all(isinstance(said, dict) for said in rounds):
        raise DataError(f"{row.where}: the transcript's 'rounds' must be a list of objects, not {rounds!r:.80}")
    if not rounds:
        raise _LeftOut("a baseline: nobody speaks")
    speakers = [side for side in ("correct", "incorrect") if any(said.get(side) is not None for said in rounds)]
    if not speakers:
        raise _LeftOut("nobody speaks in any round")
    question = _question(row, transcript, passages, without_passage)
    assert isinstance(question.truth, int)
    option = {"correct": question.truth, "incorrect": 1 - question.truth}
    order = ("incorrect", "correct") if _flag(row, "swap", transcript["swap"]) else ("correct", "incorrect")
    if len(speakers) == 2:  # in the order in which the judge reads them
        roles = dict(zip(("debater_0", "debater_1"), order, strict=True))
    else:
        roles = {"consultant_0": speakers[0]}
    said = {
        role: [_speech(row, part, side, number) for number, part in enumerate(rounds)] for role, side in roles.items()
    }
    asked = [_question_put(row, part) for part in rounds]
    if asked[0]:
        raise _LeftOut("the judge speaks before the first round")
    if any(asked):
        said["judge_0"] = asked[1:]
    return _Told(
        question=question,
        sides={role: option[side] for role, side in roles.items()},
        order=tuple(option[side] for side in order),
        said=said,
        rounds=len(rounds),
        asks=any(asked),
        sequential="seq" in {part.get("type") for part in rounds},
        verified=sum(str(part.get(side)).count("<v_quote>") for part in rounds for side in speakers),
    )


def _transcript(row: Row) -> dict[str, Any]:
    text = row.text("transcript")
    try:
        transcript = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(
            f"{row.where}: the transcript is no JSON, as those of early versions were: {text!r:.80}"
        ) from None
    if not isinstance(transcript, dict) or any(key not in transcript for key in NEWER_THAN):
        has = ", ".join(transcript) if isinstance(transcript, dict) else type(transcript).__name__
        raise DataError(
            f"{row.where}: a transcript of another version: it must have {', '.join(NEWER_THAN)}, and has {has:.200}"
        )
    return transcript


def _question(row: Row, transcript: Mapping[str, Any], passages: Mapping[str, str], without_passage: bool) -> Question:
    answers = transcript["answers"]
    texts = [answers.get(side) if isinstance(answers, Mapping) else None for side in ("correct", "incorrect")]
    asked = transcript.get("question")
    if not all(isinstance(text, str) and text.strip() for text in (*texts, asked)):
        raise DataError(
            f"{row.where}: the transcript needs a question and two answers, not {asked!r:.80}, {answers!r:.80}"
        )
    set_id = str(transcript.get("question_set_id") or row.fields.get("question_set_id") or "")
    story = transcript.get("story") or row.fields.get("story") or passages.get(set_id)
    if not story and not without_passage:
        raise DataError(
            f"{row.where}: there is no story of question set {set_id!r}: give a QuALITY file that has it (passages, "
            "--passages FILE), or go without, and no quote is checked (without_passage, --without-passage)"
        )
    digest = derive_seed("llm_debate", str(asked), *map(str, texts))
    options = tuple(sorted(map(str, texts)))  # no place for the right one
    return Question(
        id=f"{set_id or 'question'}-{digest:016x}",
        text=str(asked),
        options=options,
        passage="" if without_passage else str(story),
        truth=options.index(str(texts[0])),
        metadata={"title": transcript.get("story_title"), "question_set_id": set_id},
    )


def _speech(row: Row, part: Mapping[str, Any], side: str, number: int) -> str:
    text = part.get(side)
    if not isinstance(text, str):
        raise DataError(f"{row.where}: round {number + 1} must have a text of the {side} side, not {text!r:.80}")
    return _TAGS.sub(r"<\1quote>", text)


def _question_put(row: Row, part: Mapping[str, Any]) -> str:
    texts = [part.get(who) or "" for who in ("judge", "cross_examiner")]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"{row.where}: what the judge says must be a text, not {texts!r:.80}")
    return "\n".join(text for text in texts if text.strip())


def _flag(row: Row, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DataError(f"{row.where}: the transcript's {name!r} must be true or false, not {value!r:.80}")
    return value


def _record(row: Row, told: _Told, number: int) -> Record:
    shared = {
        "rounds": told.rounds,
        "judge_asks": told.asks,
        "max_words": MOST_WORDS,
        "quotes": bool(told.question.passage),
    }
    game: Debate | Consultancy
    if len(told.sides) == 2:
        game = Debate(turns="sequential" if told.sequential else "simultaneous", **shared)  # type: ignore[arg-type]
    else:
        game = Consultancy(**shared)  # type: ignore[arg-type]
    episode = Episode(game, told.question, _seed(game, told, number))
    speeches = {role: iter(texts) for role, texts in told.said.items()}
    verdict, unjudged = _verdict(row, told)
    while not episode.done:
        for ask in episode.asks:
            if ask.duty == "say":
                episode.answer(ask, Speech(next(speeches[ask.role])))
            elif verdict is None:
                episode.truncate(unjudged)
            else:
                episode.answer(ask, verdict)
    quotes = [quote for statement in episode.transcript for quote in statement.quotes]
    if told.question.passage and told.verified and not any(quote.verified for quote in quotes):
        raise DataError(
            f"{row.where}: none of the {told.verified} quotes that are marked as standing in the story does: it is "
            "another passage"
        )
    config = row.fields.get("debater_config") or ""
    players = {role: {"type": "imported", "source": "llm_debate", "name": str(config)} for role in told.sides}
    people = "confidence_correct" in row.fields or _CONFIDENCE.search(_answer(row))
    players["judge_0"] = {"type": "imported", "source": "llm_debate", "name": "human" if people else "model"}
    task = ListTask([told.question], name="llm_debate")
    return finish(episode, task, default_reward(game), players=players)


def _seed(game: Debate | Consultancy, told: _Told, number: int) -> int:
    """A seed, the row's own, that draws what was drawn then."""
    for n in range(TRIES):
        seed = derive_seed("llm_debate", told.question.id, number, n)
        drawn = assignment(game, told.question, seed)
        if (drawn.sides, drawn.order) == (told.sides, told.order):
            return seed
    raise ValueError(f"question {told.question.id!r}: none of {TRIES} seeds draws the sides {told.sides}")


def _verdict(row: Row, told: _Told) -> tuple[Verdict | None, str]:
    """What was decided; or None, and why there is nothing."""
    first_right = told.order[0] == told.question.truth
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
        about = {name: row.fields[name] for name in ("judge_id", "explanation") if row.fields.get(name)}
        verdict = parse_decision(f"{p if first_right else 1 - p:.6f}", LETTERS)
        return _with(verdict, about), ""
    if not answer:
        return None, "the file has no judgement of it"
    letters = {answer[0]} & set(LETTERS) if len(answer) <= 3 else set(_ANSWER.findall(answer))
    if len(letters) != 1:
        return None, f"the judge's answer names no letter, or both: {answer[-200:]!r}"
    return _with(parse_decision(letters.pop(), LETTERS), {"answer": answer}), ""


def _answer(row: Row) -> str:
    """What the judge, or the first of several votes, said."""
    return next(
        (str(row.fields[name]) for name in ("answer_judge", "answer_judge1") if row.fields.get(name)), ""
    ).strip()


def _with(verdict: Verdict, about: Mapping[str, Any]) -> Verdict:
    told = with_info(verdict, **about) if about else verdict
    assert isinstance(told, Verdict)
    return told


def _named(groups: list[list[Record]]) -> dict[str, list[Record]]:
    """Each group by what it played; those of one name numbered."""
    named: dict[str, list[Record]] = {}
    for records in groups:
        config = records[0].config
        name = f"{records[0].protocol}{'-interactive' if config['judge_asks'] else ''}-{config['rounds']}-rounds"
        number = sum(known == name or known.startswith(f"{name}-") for known in named)
        named[f"{name}-{number + 1}" if number else name] = records
    return named
