"""Reports that nothing can break out of, and the files they are made from."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evaluation_games import HOSTILE, Questions, play, players_of
from matplotlib import rc_context

from oversight_envs.evaluation import Evaluation, evaluate
from oversight_envs.protocols import Debate
from oversight_envs.report.report import load_runs, render_report, write_report
from oversight_envs.training.curves import Curve, Curves, CurvesPanel


class Tags(HTMLParser):
    """Counts elements, and collects whatever would be fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.resources += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "action", "data")]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]


def test_a_hostile_speech_stays_text() -> None:
    records = play(Debate(scratchpad=True, rounds=2), Questions(2), {"q0": 1.0, "q1": -1.0}, [HOSTILE])
    clean = play(Debate(scratchpad=True, rounds=2), Questions(2), {"q0": 1.0, "q1": -1.0}, ["Fine."])
    html = render_report([Evaluation({"debate": records}, name="<b>name</b>")], heading="<script>")
    tags, expected = Tags(), Tags()
    tags.feed(html)
    expected.feed(render_report([Evaluation({"debate": clean}, name="n")]))
    for tag in ("script", "b", "img"):
        assert tags.tags.count(tag) == expected.tags.count(tag), tag
    assert tags.handlers == []
    assert all(resource.startswith("data:image/png;base64,") for resource in tags.resources)
    assert not re.search(r"url\(|@import|<link", html)
    assert "{{ 7 * 7 }}" in html
    assert "alert(&#39;x&#39;)" in html


def test_report_files(tmp_path: Path) -> None:
    game = Debate()
    evaluate(game, Questions(4), players_of(game), out=tmp_path / "runs" / "a")
    (run,) = load_runs([tmp_path / "runs"])
    assert run.name == "debate on questions"
    html, picture = write_report([run], tmp_path / "report.html", limit=1)
    text = html.read_text()
    assert text.count("<article") == 1
    assert "3 more episodes are in debate.jsonl" in text
    assert str(tmp_path) not in text
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_names_of_folders_are_only_text_in_pictures(tmp_path: Path) -> None:
    records = play(Debate(), Questions(2), {"q0": 1.0, "q1": -1.0})
    folder = tmp_path / "$x^_{$ \\frac{ %_\udce9"
    folder.mkdir()
    (folder / "a$b_{$.jsonl").write_text("".join(record.to_json() + "\n" for record in records))
    for name in ("c$d", "blind"):
        (folder / f"{name}.jsonl").write_text("".join(record.to_json() + "\n" for record in records))
    Curves("rows.jsonl", "step", (CurvesPanel("$t{", (Curve("v", "$\\l{"),)),), (), ()).write(tmp_path / "r$n{")
    (tmp_path / "r$n{" / "rows.jsonl").write_text('{"step": 1, "v": {"value": 0.5}}\n')
    with rc_context({"text.usetex": True}):
        page, picture = write_report(load_runs([tmp_path]), tmp_path / "report.html")
    assert picture is not None
    assert "$x^_{$" in page.read_text()


def test_a_run_that_declares_no_curves_is_named(tmp_path: Path) -> None:
    curve = {"field": "v", "label": "v", "tone": "loud"}
    panels = [{"title": "t", "curves": [curve]}]
    for change in ({}, {"panels": []}, {"panels": panels}):
        plain = {"rows": "rows.jsonl", "x": "step", "columns": [], "sentences": [], **change}
        (tmp_path / "curves.json").write_text(json.dumps(plain))
        with pytest.raises(ValueError, match=r"curves\.json.*(panels|tone='loud')"):
            load_runs([tmp_path])


def test_damaged_files_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"schema": 1}\n')
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"e\.jsonl, line 1"):
        load_runs([file])
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_runs([tmp_path / "nothing"])
    with pytest.raises(FileNotFoundError, match=r"no \.jsonl"):
        load_runs([empty])
    (empty / "expert.jsonl").touch()
    with pytest.raises(ValueError, match="no finished episode"):
        load_runs([empty])


def test_what_can_not_be_reported_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    run = Evaluation({"debate": play(Debate(), Questions(1), {"q0": 1.0})})
    for runs, options, message in (
        (run, {}, r"runs=.*give a list"),
        ("runs", {}, "runs='runs': give a list"),
        (None, {}, "runs=None"),
        (["runs"], {}, r"runs holds 'runs'.*load_runs"),
        *(([run], {"limit": limit}, "limit=") for limit in ("3", 2.0, True, -1, None)),
        ([run], {"heading": None}, "heading=None"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            write_report(runs, tmp_path / "report.html", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "debate.jsonl").write_text(run.conditions["debate"][0].to_json() + "\n")
    assert len(load_runs(tmp_path)) == len(load_runs(str(tmp_path))) == 1
