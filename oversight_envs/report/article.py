"""One episode as the elements of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oversight_envs.report.elements import Element, element
from oversight_envs.report.page import Bubble, Judgment, Note, Page, TextRun
from oversight_envs.report.sentences import title

LONG = 600
"""Characters of a question of which the page shows the beginning, and the rest when it is opened."""
_CHIPS = {"right": "judge right", "wrong": "judge wrong", "tie": "judge undecided"}


def article(episode: Page, anchor: str = "") -> Element:
    """The episode: its question, what was said and decided, and the passage, folded. ``anchor`` is its id."""
    return element("article", *_parts(episode, anchor), id=anchor or None, tabindex="-1" if anchor else None)


def _parts(e: Page, anchor: str) -> Iterator[Element]:
    chip = None
    if e.truncated:
        chip = element("span", "no result", class_="chip")
    elif e.verdict in _CHIPS:
        chip = element("span", _CHIPS[e.verdict], class_=f"chip {e.verdict}")
    long = len(e.question) > LONG
    yield element("header", element("h4", f"{e.question[: LONG // 2].rstrip()} …" if long else e.question), chip)
    if long:
        whole = element("p", e.question, class_="words")
        yield element("details", element("summary", f"the whole question ({len(e.question):,} characters)"), whole)
    if e.truncated:
        yield element("p", f"The episode ended without a result: {e.truncated}.", class_="facts")
    if not e.judged and e.truth:
        yield element("p", f"Right answer: {e.truth}", class_="facts")
    for step in e.steps:
        if step.bubbles:
            alone = " alone" if len(step.bubbles) < 2 else ""
            yield element("div", *map(_bubble, step.bubbles), class_=f"turn{alone}")
        if step.judgment:
            yield element("p", f"{step.judgment.who} decides", class_="judge")
            yield _bars(step.judgment)
            yield from _folded(step.judgment.notes)
    link = element("a", "link", href=f"#{anchor}") if anchor else None
    yield element("p", " · ".join(_facts(e)), " · " if anchor else None, link, class_="facts")
    if e.passage:
        cut = "" if e.passage_cut is None else f" (cut to fit the model; it had {e.passage_cut} characters)"
        passage = element("div", *_runs(e.passage), class_="passage")
        yield element("details", element("summary", f"the passage{cut}"), passage)


def _bubble(b: Bubble) -> Element:
    return element("div", *_said(b), class_=f"bubble {b.tone}")


def _said(b: Bubble) -> Iterator[Element]:
    claim: tuple[Element | str, ...] = (" argues for “", element("bdi", b.claim), "”") if b.claim else ()
    tone = f" · {b.tone}" if b.claim and b.tone != "neutral" else None
    yield element("header", element("b", b.who), *claim, tone)
    if b.explained:
        yield element("p", b.explained)
    if b.private:
        private = element("p", b.private, class_="words soft")
        yield element("details", element("summary", "private notes"), private)
    yield element("p", *_runs(b.runs), class_="words")
    if b.score is not None and b.belief is not None:
        marks = {True: ("tick", " ✓ right"), False: ("flag", " ✗ wrong")}
        mark = element("span", marks[b.right][1], class_=marks[b.right][0]) if b.right is not None else None
        answer = element("bdi", "none found" if b.answer is None else b.answer)
        believes = f" · V = {b.score:+.2f}, the verifier believes it at {b.belief:.0%}"
        yield element("footer", "answer: ", answer, mark, believes)
        yield from _folded(b.notes)
    if b.flags:
        yield element("footer", " · ".join(b.flags), class_="flag")


def _bars(judgment: Judgment) -> Element:
    bars = []
    for bar in judgment.bars:
        tick = element("span", " ✓", class_="tick", title="the right answer") if bar.right else None
        side = "" if bar.right is None else " right" if bar.right else " wrong"
        width = element("i", style=f"width: {100 * bar.probability:.1f}%")
        label = element("span", f"{bar.label}: ", element("bdi", bar.option), tick)
        bars.append(element("div", width, label, element("b", f"{bar.probability:.0%}"), class_=f"bar{side}"))
    return element("div", *bars, class_="bars", role="group", aria_label="the judge's probabilities")


def _folded(notes: Sequence[Note]) -> Iterator[Element]:
    """What was kept beside a verdict, to be opened: each thing under its name."""
    if notes:
        told = [element("div", element("b", note.title), element("p", note.text, class_="words")) for note in notes]
        yield element("details", element("summary", "how it was decided"), *told, class_="notes")


def _runs(runs: Sequence[TextRun]) -> Iterator[Element | str]:
    for run in runs:
        yield element("mark", run.text, class_=run.style, title=run.hint) if run.style else run.text


def _facts(e: Page) -> Iterator[str]:
    if e.mass is not None:
        yield f"probability on the letters {e.mass:.0%}"
    if e.bias is not None:
        yield f"position bias {e.bias:+.2f}"
    for name, p in e.others.items():
        yield f"{title(name)}: {p:.0%} on the right answer"
    for role, reward in e.rewards.items():
        yield f"reward of {role} {reward:+.2f}"
    yield f"question {e.question_id}"
    yield f"seed {e.seed}"
