"""The page in a real browser: what it finds, and that nothing which others wrote runs there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evaluation_games import Questions, play
from hostile import INJECTIONS, hostile_record

from oversight_envs.evaluation import Evaluation
from oversight_envs.protocols import Debate
from oversight_envs.report.report import PER_PAGE, render_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="needs chromium: apt-get install chromium")


COUNT = PER_PAGE + len(INJECTIONS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


def test_nothing_that_others_wrote_runs(page: Page, tmp_path: Path) -> None:
    records = play(Debate(), Questions(COUNT), {f"q{i}": 1.0 for i in range(COUNT)})
    texts = ["text"] * PER_PAGE + list(INJECTIONS)
    hostile = [hostile_record(record, text, "".join(INJECTIONS)) for record, text in zip(records, texts, strict=True)]
    counts = set()
    # on the last page, which the script builds; turned round, on the first, which is written as HTML
    for played, shown in ((hostile, f"e1-{COUNT}"), (hostile[::-1], "e1-1")):
        file = tmp_path / f"{shown}.html"
        run = Evaluation({INJECTIONS[2]: played}, name=INJECTIONS[0])  # a condition's name is that of its file
        file.write_text(render_report([run], heading=INJECTIONS[1]))
        page.goto(f"{file.as_uri()}#{shown}")
        page.wait_for_selector(f"article#{shown}")
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; part.focus(); })")
        page.evaluate("document.querySelectorAll('*').forEach(e => e.dispatchEvent(new MouseEvent('mouseover')))")
        page.wait_for_timeout(100)
        assert page.evaluate("window.owned") is None
        assert page.locator("main").locator("iframe, svg, base, math, meta, style").count() == 0
        counts |= set(
            page.evaluate("[...document.querySelectorAll('article')].map(e => e.querySelectorAll('*').length)")
        )
        text = page.evaluate("document.querySelector('.articles').textContent")
        for injection in INJECTIONS:
            assert text.count(injection) > 5, injection
    assert len(counts) == 1  # the hostile ones have the elements that harmless ones have


def test_transcripts_are_found_sorted_and_filtered(page: Page, tmp_path: Path) -> None:
    count = PER_PAGE + 18
    odds = {f"q{i}": 0.1 * (i - 10) for i in range(count)}
    file = tmp_path / "page.html"
    file.write_text(render_report([Evaluation({"debate": play(Debate(), Questions(count), odds)})]))
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(file.as_uri())
    told = "document.querySelector('output').textContent"
    first = "document.querySelector('article h4').textContent"
    assert page.evaluate(told) == f"1 to {PER_PAGE} of {count}"
    assert page.evaluate("document.documentElement.scrollWidth") <= 420

    def set_to(field: str, value: str, event: str) -> None:
        page.evaluate(f"() => {{ const f = document.querySelector('{field}'); f.value = '{value}'; "
                      f"f.dispatchEvent(new Event('{event}')); }}")  # fmt: skip

    page.evaluate("document.querySelectorAll('nav.pages button')[1].click()")
    page.wait_for_function(f"() => {told} === '{PER_PAGE + 1} to {count} of {count}'")
    set_to("select", "believed up", "change")
    page.wait_for_function(f"() => {first} === 'Who has the mill, version 0?'")
    set_to("select", "believed down", "change")
    page.wait_for_function(f"() => {first} === 'Who has the mill, version {count - 1}?'")
    page.evaluate("document.querySelector('button[data-show=wrong]').click()")
    page.wait_for_function(f"() => {told} === '1 to 10 of 10 found, of {count}'")
    assert page.evaluate(first) == "Who has the mill, version 9?"
    set_to("input[type=search]", "VERSION 4", "input")
    page.wait_for_function(f"() => {told} === '1 to 1 of 1 found, of {count}'")
    set_to("input[name=least]", "1000", "change")
    page.wait_for_function(f"() => {told} === '0 found, of {count}'")
    page.evaluate(f"location.hash = '#e1-{count}'")
    page.wait_for_function(f"() => document.activeElement.id === 'e1-{count}'")
    assert page.evaluate(told) == f"{PER_PAGE + 1} to {count} of {count}"
