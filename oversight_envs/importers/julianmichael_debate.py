"""The debates of people and of GPT-4 of Michael et al. (2023, *Debate helps supervise unreliable experts*).

Read are the rooms' files of https://github.com/julianmichael/debate, ``pub/debates/official/*.json`` of its branch
``2023-nyu-experiments``: a JSON object each, with ``setup`` (question, answers, the story as tokens) and ``rounds``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from oversight_envs.core.answers import parse_decision
from oversight_envs.core.verdict import Verdict
from oversight_envs.importers.episodes import Imported, LeftOut, Told, import_folder, question_of, told_by
from oversight_envs.tasks.files import DataError

SOURCE = "julianmichael_debate"
LETTERS = ("A", "B")
MACHINE = "GPT-4"
"""The name of the one speaker that is a model."""
SPEECHES = {"SimultaneousSpeeches", "SequentialSpeeches"}
_JOINED_LEFT = {".", ",", "!", "?", ";", ":", "n't", "%", ")", "]", "}", "...", "\n"}
_JOINED_RIGHT = {"$", "#", "(", "[", "{", "\n"}
_WRITTEN = {
    "``": '"',
    "''": '"',
    "`": "'",
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


def import_julianmichael_debate(
    path: str | Path, *, passages: Mapping[str, str] | None = None, without_passage: bool = False
) -> Imported:
    """The debates and consultancies of a file, or of all ``.json`` files of a folder.

    ``without_passage`` takes questions without their story all the same; ``passages`` is for other kinds of files:
    these hold their own. A judgement of a debate that its judge could not take part in is an episode of its own.

    The judge's last probabilities are the decision, up to 99%. An episode can't hold, and ``missing`` counts, what the
    judge said before the first round and the speakers' private notes; the probabilities that the judge gave on the way
    are kept with the decision. A debate with a simultaneous first round and sequential ones after it, as most have,
    becomes a sequential one. Rooms in which not every speaker ended a round are left out and counted.

    Raises DataError, a ValueError that names the file, for another format, and where there is no story.
    """
    if passages:
        raise ValueError("passages: files of julianmichael/debate hold their passages; leave it out")
    return import_folder(SOURCE, path, lambda file, data: _read(file, data, without_passage))


def _read(file: Path, data: Any, without_passage: bool) -> Iterator[Told]:
    setup, rounds = (data.get(key) if isinstance(data, dict) else None for key in ("setup", "rounds"))
    if not isinstance(setup, dict) or not isinstance(rounds, list):
        raise DataError(f"{file}: no room of julianmichael/debate: it must be one object with 'setup' and 'rounds'")
    try:
        yield from _transcripts(file, setup, [next(iter(part.items())) for part in rounds], without_passage)
    except (KeyError, IndexError, AttributeError, TypeError, StopIteration) as error:
        raise DataError(f"{file}: a room of another version ({type(error).__name__}: {error})") from error


def _transcripts(
    file: Path, setup: dict[str, Any], rounds: list[tuple[str, Any]], without_passage: bool
) -> Iterator[Told]:
    answers, right = setup["answers"], setup["correctAnswerIndex"]
    if len(answers) != 2 or right not in (0, 1):
        raise LeftOut("not two answers")
    told = [part["speeches"] for kind, part in rounds if kind in SPEECHES]
    speakers = sorted(told[0]) if told else []
    if not told:
        raise LeftOut("nobody spoke")
    if any(sorted(speeches) != speakers for speeches in told):
        raise LeftOut("a round was not ended")
    (material,) = setup["sourceMaterial"].values()
    tokens = [] if without_passage else material["contents"]
    if not tokens and not without_passage:
        raise DataError(f"{file}: no story ('contents'); to go without: without_passage, --without-passage")
    question = question_of(
        SOURCE,
        str(material.get("articleId") or ""),
        setup["question"],
        answers[right],
        answers[1 - right],
        _words(tokens),
        title=material.get("title"),
        room=file.stem,
    )
    assert isinstance(question.truth, int)
    options = (question.truth, 1 - question.truth) if right == 0 else (1 - question.truth, question.truth)
    roles = ("debater_0", "debater_1") if len(speakers) == 2 else ("consultant_0",)
    sides = {role: options[int(speaker)] for role, speaker in zip(roles, speakers, strict=True)}
    said = {
        role: [_speech(speeches[speaker]["content"], material["contents"], not without_passage) for speeches in told]
        for role, speaker in zip(roles, speakers, strict=True)
    }
    asked, before = _judge_says(rounds)
    missing = ("what the judge said before the first round",) if before else ()
    names = {
        role: "GPT-4" if told[0][speaker]["speaker"] == MACHINE else "human"
        for role, speaker in zip(roles, speakers, strict=True)
    }
    transcript = Told(
        question,
        sides,
        options,
        said,
        None,
        "no judge of the room came to a decision",
        sequential=len(roles) == 2 and any(kind == "SequentialSpeeches" for kind, _ in rounds),
        place=file.name,
        players=names,
        missing=missing,
    )
    live = [part for kind, part in rounds if kind == "JudgeFeedback"]
    verdicts = [(said | {"judge_0": asked} if any(asked) else said, "human", _verdict(file, live))]
    for part in (part for kind, part in rounds if kind == "OfflineJudgments"):
        for judgement in part["judgments"].values():
            verdicts.append((said, "human, afterwards", _verdict(file, judgement["judgments"])))
    judged = [(spoken, judge, verdict) for spoken, judge, verdict in verdicts if verdict]
    for number, (spoken, judge, verdict) in enumerate(judged or verdicts[:1]):
        yield transcript._replace(
            said=spoken, verdict=verdict, players=names | {"judge_0": judge}, place=f"{file.name}:{number}"
        )


def _judge_says(rounds: list[tuple[str, Any]]) -> tuple[list[str], str]:
    """What the judge said between the rounds of speeches, one text between each two, and before the first."""
    texts = [""]
    for kind, part in rounds:
        if kind in SPEECHES:
            texts.append("")
        elif kind == "JudgeFeedback" and not part["endDebate"]:
            texts[-1] = _speech(part["feedback"]["content"], [], False)
    return texts[1:-1], texts[0]


def _verdict(file: Path, judgements: list[dict[str, Any]]) -> Verdict | None:
    """The last of a judge's probabilities, if it ended the debate."""
    if not judgements or not judgements[-1]["endDebate"]:
        return None
    beliefs = [judgement["distribution"] for judgement in judgements]
    for belief in beliefs:
        if len(belief) != 2 or not all(0 <= p <= 1 for p in belief) or abs(sum(belief) - 1) > 0.02:
            raise DataError(f"{file}: a judge's 'distribution' must be two probabilities, not {belief!r:.80}")
    feedback = judgements[-1]["feedback"]
    return told_by(
        parse_decision(f"{beliefs[-1][0]:.6f}", LETTERS),
        judge=feedback["speaker"],
        explanation=_speech(feedback["content"], [], False),
        beliefs=" ".join(f"{belief[0]:.2f}" for belief in beliefs),
    )


def _speech(content: list[dict[str, Any]], tokens: list[str], quotes: bool) -> str:
    """The text, with what it quotes of the story; ``[quote]`` where the story is left out."""
    parts = []
    for segment in content:
        if "Text" in segment:
            parts.append(segment["Text"]["text"])
        else:
            begin, end = segment["Quote"]["span"]
            if quotes and not 0 <= begin < len(tokens):  # in a published one the end lies behind the story's
                raise TypeError(f"the quote {begin}-{end} is outside of the story's {len(tokens)} words")
            parts.append(f"<quote>{_words(tokens[begin:end]).strip()}</quote>" if quotes else "[quote]")
    return "".join(parts)


def _words(tokens: list[str]) -> str:
    """The tokens as a text: without the spaces that were not there, quotation marks and brackets as they were."""
    parts: list[str] = []
    joined, inside = True, False
    for token in tokens:
        mark = token in ("``", "''", '"')
        closes = mark and inside
        text = _WRITTEN.get(token, token)
        if not (joined or closes or text in _JOINED_LEFT or (text.startswith("'") and len(text) > 1)):
            parts.append(" ")
        parts.append(text)
        inside ^= mark
        joined = text in _JOINED_RIGHT or (mark and inside)
    return "".join(parts)
