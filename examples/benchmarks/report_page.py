"""How large a report of many debates is, and how soon a browser shows it.

    python examples/benchmarks/report_page.py [--episodes 20000] [--words 60] [--out examples/results/report_page.json]

Debates on procedural stories, a story each; two speeches of words drawn from the story at random, with two quotes each.
Needs chromium and playwright. The page is opened from a file; times are in seconds, the median of three.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from oversight_envs import rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.requests import Case, Turn
from oversight_envs.evaluation import Evaluation
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Debate
from oversight_envs.report.report import render_report
from oversight_envs.tasks import make_task

PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"


def debates(episodes: int, words: int) -> Evaluation:
    task = make_task("stories")

    def argue(turn: Turn) -> str:
        rng = np.random.default_rng(turn.seed)
        said = turn.passage.split()
        drawn = " ".join(rng.choice(said, words))
        lines = rng.choice(turn.passage.split("\n"), 2)
        return f"{drawn} <quote>{lines[0]}</quote> and <quote>{lines[1]}</quote>"

    def decide(case: Case) -> float:
        return float(np.random.default_rng(case.seed).normal())

    speaker = ScriptedAgent(argue)
    players = {"debater_0": speaker, "debater_1": speaker, "judge_0": CallableJudge(log_odds=decide)}
    return Evaluation({"debate": rollout(Debate(), task, players, questions=episodes)}, name="debate on stories")


def measured(page: Page, url: str, episodes: int) -> dict[str, float]:
    page.goto(url)
    page.wait_for_function(f"() => {PAINTED}")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000")
    articles = page.evaluate("document.querySelectorAll('article').length")
    assert articles == min(20, episodes), articles
    actions = {
        "last_page_s": f"location.hash = '#e1-{episodes}'",
        "sorted_s": "const sort = document.querySelector('select'); sort.value = 'believed up'; "
        "sort.dispatchEvent(new Event('change'))",
        "searched_s": "const field = document.querySelector('input[type=search]'); field.value = 'no such words'; "
        "field.dispatchEvent(new Event('input'))",
    }
    done = {
        "last_page_s": f"document.getElementById('e1-{episodes}') !== null",
        "sorted_s": "document.querySelector('output').textContent.startsWith('1 to') && "
        "[...document.querySelectorAll('article')].some((article, place) => article.id !== `e1-${place + 1}`)",
        "searched_s": "document.querySelector('output').textContent.startsWith('0 found')",
    }
    times = {"first_view_s": paint, "loaded_s": loaded}
    for name, action in actions.items():
        started = time.perf_counter()
        page.evaluate(f"() => {{ {action} }}")
        page.wait_for_function(f"() => {done[name]}", timeout=60_000)
        times[name] = time.perf_counter() - started
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--page", type=Path, help="keep the page here")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = options.page or Path(folder) / "report.html"
        if not page.exists():
            evaluation = debates(options.episodes, options.words)
            started = time.perf_counter()
            page.write_text(render_report([evaluation]), encoding="utf-8")
            print(f"made in {time.perf_counter() - started:.1f} s", flush=True)
        runs = []
        for _ in range(3):
            with sync_playwright() as playwright:
                program = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                version = browser.version
                runs.append(measured(browser.new_page(), page.resolve().as_uri(), options.episodes))
                print(runs[-1], flush=True)
                browser.close()
        result: dict[str, Any] = {
            "date": date.today().isoformat(),
            "browser": version,
            "processor": platform.processor() or platform.machine(),
            "episodes": options.episodes,
            "words_a_speech": options.words,
            "megabytes": round(page.stat().st_size / 1e6, 2),
            **{name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]},
        }
    assert all(math.isfinite(result[name]) for name in runs[0])
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
