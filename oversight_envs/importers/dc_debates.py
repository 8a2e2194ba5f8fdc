"""The recursive debates of DC-Debates (2026), transcripts of known difficulty for studies of human judges.

Read are the trees of https://github.com/scalable-oversight/dc-debates, ``debates/*/json/*.json``: a question with an
honest and a dishonest answer, and under each answer and claim what the other debater says against it. Of the whole
repository also the judgements of the main study's participants are read. It names no licence (June 2026).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from oversight_envs.core.answers import parse_decision
from oversight_envs.core.verdict import Verdict
from oversight_envs.importers.episodes import Imported, LeftOut, Told, import_folder, question_of, told_by
from oversight_envs.tasks.files import DataError, Row, existing_file, read_csv

SOURCE = "dc_debates"
LETTERS = ("A", "B")
SIDES = ("honest", "dishonest")
STUDY = "quant_study_main"
TREES = f"debates/{STUDY}/json"
NAMES = f"{STUDY}/lookups/debate-to-name-and-question-mapping.csv"
JUDGEMENTS = f"{STUDY}/data/cleaned/quant-1-official-study-analysis-ready.csv"
UNJUDGED = "the trees hold no judgement: give the repository's folder for those of its main study"
NOTHING = "Therefore, you should reject [None]."
"""What stands below a claim that nothing more is said against."""
LAST_ANSWERS = "what is answered to the last claims"
PICTURES = "pictures"


def import_dc_debates(
    path: str | Path, *, passages: Mapping[str, str] | None = None, without_passage: bool = False
) -> Imported:
    """The debates of a tree's file, of all ``.json`` files of a folder, or of the repository's folder.

    A tree becomes a debate: what a debater says on one level, on both sides of the tree, is its speech of that round,
    each claim with its number and under the claim that it is against; before these stands what the debater answers to
    the other's last claims (yes, no). Definitions and sources, which the study's judges read, are part of the question:
    there is no passage. An episode can't hold, and ``missing`` counts, pictures and the answers to the last claims.

    Trees have no judgement. With the repository's folder each participant of the main study is an episode, with the
    credence that it had in the end, from 1% to 99%, and the debaters in the order in which it read them.

    Raises DataError, a ValueError that names the file, for another format. ``passages`` and ``without_passage`` are for
    other kinds of files.
    """
    if passages or without_passage:
        raise ValueError("passages, without_passage: debates of DC-Debates have no passage; leave it out")
    root = Path(path).expanduser()
    if not (root / TREES).is_dir():
        return import_folder(SOURCE, path, lambda file, data: [_read(file, data)])
    judgements = _judgements(root)

    def read(file: Path, data: Any) -> Iterator[Told]:
        told = _read(file, data)
        for row in judgements.get(file.stem, ()):
            yield _judged(told, row)

    return import_folder(SOURCE, root / TREES, read)


def _judgements(root: Path) -> dict[str, list[Row]]:
    names = {row.text("debate_id"): row.text("debate_name") for row in read_csv(existing_file(root / NAMES))}
    found: dict[str, list[Row]] = {}
    for row in read_csv(existing_file(root / JUDGEMENTS)):
        if row.text("transcript") not in names:
            raise DataError(f"{row.where}: transcript {row.text('transcript')} is not in {NAMES}")
        found.setdefault(names[row.text("transcript")], []).append(row)
    return found


def _judged(told: Told, row: Row) -> Told:
    """The debate as one participant read and judged it."""
    order, text = row.fields.get("order"), row.text("y_primary")
    try:
        log_odds = float(text)
    except ValueError:
        log_odds = math.nan
    if order not in ("0", "1") or not math.isfinite(log_odds):
        raise DataError(f"{row.where}: 'order' must be 0 or 1, and 'y_primary' a number, not {order!r}, {text!r:.80}")
    honest_first = order == "0"
    p = 1 / (1 + math.exp(-log_odds if honest_first else log_odds))
    participant = row.text("participant_id")
    verdict: Verdict = told_by(parse_decision(f"{p:.6f}", LETTERS), participant=participant)
    return _in_order(told, honest_first)._replace(
        verdict=verdict, unjudged="", place=f"{told.place}:{participant}", players={"judge_0": "human"}
    )


def _in_order(told: Told, honest_first: bool) -> Told:
    """The debate with the honest debater's speeches and answer first or last."""
    if honest_first:
        return told
    said = {role: told.said[other] for role, other in zip(told.said, reversed(list(told.said)), strict=True)}
    sides = {role: 1 - side for role, side in told.sides.items()}
    return told._replace(said=said, sides=sides, order=told.order[::-1])


def _read(file: Path, data: Any) -> Told:
    """The debate, the honest debater first, as all trees have it."""
    root = data.get("root") if isinstance(data, dict) else None
    if not isinstance(root, dict) or "children" not in root:
        raise DataError(f"{file}: no tree of DC-Debates: it must be one object with 'root' and its 'children'")
    try:
        return _debate(file, root, str(data.get("defs_and_sources") or ""))
    except (KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{file}: a tree of another version ({type(error).__name__}: {error})") from error


def _debate(file: Path, root: dict[str, Any], sources: str) -> Told:
    answers = {child["debater"]: child for child in root["children"]}
    if len(root["children"]) != 2 or set(answers) != set(SIDES):
        raise LeftOut("not one honest and one dishonest answer")
    levels = [_levels(answers[side]) for side in SIDES]
    if len(levels[0]) != len(levels[1]):
        raise LeftOut("one side is argued longer than the other: in a round both speak")
    said: dict[tuple[str, int], str] = {}
    for groups in levels:
        for k, claims in enumerate(groups):
            side = claims[0]["debater"]
            if (side, k) in said or any(claim["debater"] != side for claim in claims):
                raise LeftOut("the debaters don't take turns")
            said[side, k] = "\n\n".join(filter(None, [_answers(groups[k - 1], side) if k else "", _speech(claims, k)]))
    text = root["text"] + (f"\n\nDefinitions and sources:\n{sources}" if sources.strip() else "")
    question = question_of(
        SOURCE, file.stem, _words(text), _words(answers["honest"]["text"]), _words(answers["dishonest"]["text"]), ""
    )
    assert isinstance(question.truth, int)
    roles, order = ("debater_0", "debater_1"), (question.truth, 1 - question.truth)
    missing = [PICTURES] if "<img" in text or "<figref" in text else []
    if any(_answers(groups[-1], side) for groups in levels for side in SIDES):
        missing.append(LAST_ANSWERS)
    return Told(
        question,
        dict(zip(roles, order, strict=True)),
        order,
        {role: [said[side, k] for k in range(len(levels[0]))] for role, side in zip(roles, SIDES, strict=True)},
        None,
        UNJUDGED,
        place=file.name,
        missing=tuple(missing),
    )


def _levels(answer: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The claims below an answer, level by level; the first is the answer. Without those that say nothing."""
    levels = [[answer]]
    while below := [claim for above in levels[-1] for claim in above["children"] if claim["text"] != NOTHING]:
        levels.append(below)
    return levels


def _speech(claims: list[dict[str, Any]], level: int) -> str:
    """What a debater says on a level of one side."""
    lines: list[str] = []
    for n, claim in enumerate(claims):
        if level and (n == 0 or claims[n - 1]["parentId"] != claim["parentId"]):
            lines.append(f"Against [{claim['parentId']}]:")
        lines.append(f"[{claim['id']}] {_words(claim['text'])}")
    return "\n".join(lines)


def _answers(claims: list[dict[str, Any]], side: str) -> str:
    """What a debater answers to the other's claims."""
    key = f"{side}_response"
    told = [(claim["id"], claim[key]) for claim in claims if claim["debater"] != side and claim.get(key)]
    return "\n".join(f"To [{number}]: {_words(answer)}." for number, answer in told)


def _words(text: str) -> str:
    """The text without the marks of its page. Others' marks, as in the code that a question is about, stay."""
    page = _Page()
    page.feed(text)
    page.close()
    return "".join(page.parts).strip()


_SHOWN = {"br": "\n", "li": "\n- ", "a": "", "i": "", "ul": "", "def": "", "defs": "", "sources": "", "figref": ""}
"""Marks of the page -> what stands in their place."""


class _Page(HTMLParser):
    """What a page of DC-Debates shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "ref":
            quoted = f' {of.get("author") or ""}: "{of["quote"]}"' if "quote" in of else ""
            self.parts.append(f"[{of.get('id')}]{quoted}")
        elif tag == "img":
            caption = of.get("caption")
            self.parts.append(f"[picture {of.get('src')}{f': {caption}' if caption else ''}]")
        else:
            self.parts.append(_SHOWN.get(tag, self.get_starttag_text() or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {*_SHOWN, "ref", "img"}:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")
