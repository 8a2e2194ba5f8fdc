"""The page in a real browser: what it finds, and that nothing which others wrote runs there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from evaluation_games import Questions, play

from oversight_envs.core.record import Record
from oversight_envs.evaluation import Evaluation
from oversight_envs.protocols import Debate
from oversight_envs.report.report import PER_PAGE, render_report

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("google-chrome")), reason="needs chromium: apt-get install chromium"
)

COUNT = PER_PAGE + 18
OWN = "window.owned=1"
INJECTIONS = (
    f"<script>{OWN}</script>",
    f"</script><script>{OWN}</script>",
    f"<!--<script>{OWN}</script>-->",
    f"--><script>{OWN}</script>",
    f"<img src=x onerror={OWN}>",
    f"<svg onload={OWN}>",
    f"<svg><script>{OWN}</script></svg>",
    f"<iframe srcdoc='<script>parent.{OWN[7:]}</script>'></iframe>",
    f"<details open ontoggle={OWN}>",
    f"<input autofocus onfocus={OWN}>",
    f'" onmouseover="{OWN}" style="position:fixed;inset:0',
    f"' autofocus onfocus='{OWN}",
    f"<a href='javascript:{OWN}'>",
    f"<math><mtext><style><img src=x onerror={OWN}></style></mtext></math>",
    f"</title></style></textarea></noscript></template><script>{OWN}</script>",
    f"{{{{ ''.__class__ }}}}{{% if 1 %}}<script>{OWN}</script>{{% endif %}}",
    f'["script", {{}}, "{OWN}"]',
    f"<base href=//evil.example/><meta http-equiv=refresh content=0;url=javascript:{OWN}>\u202e\u2028",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "benchmarks"))
        with import_module("chromium").chromium() as found:
            yield found


def _hostile(record: Record, text: str, settings: str) -> Record:
    """The record with ``text`` and, as all records of a run share them, ``settings`` wherever others' words stand."""
    question = replace(
        record.question, id=text, text=text, options=(text, text + "2"), passage=text, metadata={"passage_cut": 3}
    )
    (decision,) = record.decisions
    views = tuple(replace(view, info={text: text, "thoughts": text}) for view in decision.views)
    said = [replace(s, scratchpad=text, segments=(replace(s.segments[0], text=text),)) for s in record.transcript]
    return replace(
        record,
        question=question,
        decisions=(replace(decision, views=views),),
        transcript=tuple(said),
        players={role: {"type": settings, "lm": {"model": settings}} for role in record.roles},
        config={settings: settings},
        task=settings,
        rule=settings,
    )


def test_nothing_that_others_wrote_runs(browser: Any, tmp_path: Path) -> None:
    records = play(Debate(), Questions(COUNT), {f"q{i}": 1.0 for i in range(COUNT)})
    texts = ["text"] * PER_PAGE + list(INJECTIONS)
    hostile = [_hostile(record, text, "".join(INJECTIONS)) for record, text in zip(records, texts, strict=True)]
    counts = set()
    # on the last page, which the script builds; turned round, on the first, which is written as HTML
    for played, shown in ((hostile, f"e1-{COUNT}"), (hostile[::-1], "e1-1")):
        page = tmp_path / f"{shown}.html"
        page.write_text(render_report([Evaluation({"debate": played}, name=INJECTIONS[0])], heading=INJECTIONS[1]))
        browser.open(f"{page.as_uri()}#{shown}")
        browser.until(f"document.getElementById('{shown}') !== null")
        browser.value("document.querySelectorAll('details').forEach(part => { part.open = true; part.focus(); })")
        browser.value("document.querySelectorAll('*').forEach(e => e.dispatchEvent(new MouseEvent('mouseover')))")
        browser.value("new Promise(done => setTimeout(done, 100))")
        assert browser.value("window.owned") is None
        assert browser.value("document.querySelectorAll('main :is(iframe, svg, base, math, meta, style)').length") == 0
        counts |= set(
            browser.value("[...document.querySelectorAll('article')].map(e => e.querySelectorAll('*').length)")
        )
        text = browser.value("document.querySelector('.articles').textContent")
        for injection in INJECTIONS:
            assert text.count(injection.removesuffix("\u202e\u2028")) > 5, injection
    assert len(counts) == 1  # the hostile ones have the elements that harmless ones have


def test_transcripts_are_found_sorted_and_filtered(browser: Any, tmp_path: Path) -> None:
    odds = {f"q{i}": 0.1 * (i - 10) for i in range(COUNT)}
    page = tmp_path / "page.html"
    page.write_text(render_report([Evaluation({"debate": play(Debate(), Questions(COUNT), odds)})]))
    browser.open(page.as_uri(), width=420)
    told = "document.querySelector('output').textContent"
    first = "document.querySelector('article h4').textContent"
    assert browser.value(told) == f"1 to {PER_PAGE} of {COUNT}"
    assert browser.value("document.documentElement.scrollWidth") <= 420

    def set_to(field: str, value: str, event: str) -> None:
        browser.value(f"{{ const f = document.querySelector('{field}'); f.value = '{value}'; "
                      f"f.dispatchEvent(new Event('{event}')); }}")  # fmt: skip

    browser.value("document.querySelectorAll('nav.pages button')[1].click()")
    browser.until(f"{told} === '{PER_PAGE + 1} to {COUNT} of {COUNT}'")
    set_to("select", "believed up", "change")
    browser.until(f"{first} === 'Who has the mill, version 0?'")
    set_to("select", "believed down", "change")
    browser.until(f"{first} === 'Who has the mill, version {COUNT - 1}?'")
    browser.value("document.querySelector('button[data-show=wrong]').click()")
    browser.until(f"{told} === '1 to 10 of 10 found, of {COUNT}'")
    assert browser.value(first) == "Who has the mill, version 9?"
    set_to("input[type=search]", "VERSION 4", "input")
    browser.until(f"{told} === '1 to 1 of 1 found, of {COUNT}'")
    set_to("input[name=least]", "1000", "change")
    browser.until(f"{told} === '0 found, of {COUNT}'")
    browser.value(f"location.hash = '#e1-{COUNT}'")
    browser.until(f"document.activeElement.id === 'e1-{COUNT}'")
    assert browser.value(told) == f"{PER_PAGE + 1} to {COUNT} of {COUNT}"
