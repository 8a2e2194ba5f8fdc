"""The transcripts of Arnesen et al. (2024, *Training language models to win debates with self-play*).

Read are the files that the code at https://github.com/samuelarnesen/nyu-debate-modeling writes under
``outputs/transcripts``: a JSON object for each debate, with ``metadata`` (question, answers, passage, which is right)
and the judge's ``speeches``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oversight_envs.core.answers import parse_decision
from oversight_envs.core.verdict import Verdict
from oversight_envs.importers.episodes import (
    Imported,
    LeftOut,
    Told,
    import_folder,
    question_of,
    told_by,
)
from oversight_envs.tasks.files import DataError

SOURCE = "nyu_debate_modeling"
DEBATERS = ("Debater_A", "Debater_B")
LETTERS = ("A", "B")
NOTHING = ("", "None provided")
"""What stands for no passage."""
_TAGS = re.compile(r"<(/?)(?:invalid_)?quote>")


def import_nyu_debate_modeling(
    path: str | Path, *, passages: Mapping[str, str] | None = None, without_passage: bool = False
) -> Imported:
    """The debates and consultancies of a file, or of all ``.json`` files of a folder.

    ``without_passage`` takes questions without their passage all the same; ``passages`` is for other kinds of files:
    these hold their own. A decision without probabilities is taken as 99% for its answer.

    Left out, and counted: files in which nobody speaks or not in turn, and consultancies by Debater_B, of which the
    files don't say reliably whether its answer is right. Raises DataError, a ValueError that names the file, for
    another format, and where there is no passage.
    """
    if passages:
        raise ValueError("passages: files of nyu_debate_modeling hold their passages; leave it out")
    return import_folder(SOURCE, path, lambda file, data: [_read(file, data, without_passage)])


def _read(file: Path, data: Any, without_passage: bool) -> Told:
    about, speeches = (data.get(key) if isinstance(data, dict) else None for key in ("metadata", "speeches"))
    if not isinstance(about, dict) or not isinstance(speeches, list) or not all(isinstance(s, dict) for s in speeches):
        raise DataError(
            f"{file}: no transcript of nyu-debate-modeling: it must be one object with 'metadata' and "
            "a list of 'speeches'"
        )
    text, *answers = (
        _text(file, about, f"{key}") for key in ("question", "first_debater_answer", "second_debater_answer")
    )
    right = about.get("first_debater_correct")
    if not isinstance(right, bool):
        raise DataError(f"{file}: metadata 'first_debater_correct' must be true or false, not {right!r:.80}")
    passage = about.get("background_text")
    if not isinstance(passage, str) or passage in NOTHING:
        if not without_passage:
            raise DataError(
                f"{file}: no passage ('background_text'); to go without: without_passage, --without-passage"
            )
        passage = ""
    said = {name: [_content(file, s) for s in speeches if s.get("speaker") == name] for name in DEBATERS}
    speakers = [name for name in DEBATERS if said[name]]
    if not speakers:
        raise LeftOut("a baseline: nobody speaks")
    if speakers == [DEBATERS[1]]:
        raise LeftOut("a consultancy by Debater_B: whether its answer is right is not told reliably")
    turns = [s["speaker"] for s in speeches if s.get("speaker") in DEBATERS]
    if turns != speakers * (len(turns) // len(speakers)):
        raise LeftOut("the debaters don't speak in turn")
    correct, wrong = answers if right else answers[::-1]
    passage = "" if without_passage else passage
    question = question_of(SOURCE, "", text, correct, wrong, passage, debate=about.get("debate_identifier"))
    assert isinstance(question.truth, int)
    first = question.truth if right else 1 - question.truth
    roles = ("debater_0", "debater_1") if len(speakers) == 2 else ("consultant_0",)
    sides = dict(zip(roles, (first, 1 - first), strict=False))
    verdict = _verdict(file, [s for s in speeches if s.get("speaker") == "Judge"])
    spoken = {role: said[name] for role, name in zip(roles, speakers, strict=True)}
    unjudged = "the file has no decision of the judge"
    return Told(question, sides, (first, 1 - first), spoken, verdict, unjudged, place=file.name)


def _text(file: Path, about: Mapping[str, Any], name: str) -> str:
    value = about.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{file}: metadata {name!r} must be a text, not {value!r:.80}")
    return value


def _content(file: Path, speech: Mapping[str, Any]) -> str:
    text = speech.get("content")
    if not isinstance(text, str):
        raise DataError(f"{file}: a speech of {speech['speaker']} must be a text, not {text!r:.80}")
    return _TAGS.sub(r"<\1quote>", text)


def _verdict(file: Path, speeches: list[dict[str, Any]]) -> Verdict | None:
    """The judge's last word; what it said before is kept with it."""
    if not speeches:
        return None
    last = speeches[-1].get("supplemental")
    last = last if isinstance(last, dict) else {}
    reasons = "\n".join(s["content"] for s in speeches if isinstance(s.get("content"), str))
    if odds := last.get("probabilistic_decision"):
        try:
            p = float(odds[DEBATERS[0]])
        except (KeyError, TypeError, ValueError):
            p = -1.0
        if not 0 <= p <= 1:
            raise DataError(f"{file}: 'probabilistic_decision' must have a probability of Debater_A, not {odds!r:.80}")
        return told_by(parse_decision(f"{p:.6f}", LETTERS), reasoning=reasons)
    if last.get("failed") or last.get("decision") not in DEBATERS:
        return None
    return told_by(parse_decision(last["decision"][-1], LETTERS), reasoning=reasons)
