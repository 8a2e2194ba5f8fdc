"""Reports that nothing can break out of, and the files they are made from."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from evaluation_games import HOSTILE, PASSAGE, Questions, play, players_of
from hostile import INJECTIONS, hostile_record
from matplotlib import rc_context

from oversight_envs.evaluation import Evaluation, compare, evaluate
from oversight_envs.protocols import Debate
from oversight_envs.report.article import article
from oversight_envs.report.blocks import pack
from oversight_envs.report.differences import pairs
from oversight_envs.report.elements import to_html
from oversight_envs.report.page import page
from oversight_envs.report.report import PER_PAGE, load_runs, render_report, write_report
from oversight_envs.training.curves import Curve, Curves, CurvesPanel


class Tags(HTMLParser):
    """Counts elements, and collects whatever would be fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("type", "application/octet-stream") in attrs:  # how many blocks there are depends on how much is in them
            return
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
    assert all(resource.startswith(("data:image/png;base64,", "#")) for resource in tags.resources)
    assert not re.search(r"url\(|@import|<link", html)
    assert "{{ 7 * 7 }}" in html
    assert "alert(&#x27;x&#x27;)" in html


def test_whatever_others_wrote_stays_text() -> None:  # in a browser: test_browser.py
    records = play(Debate(), Questions(len(INJECTIONS)), {f"q{i}": 1.0 for i in range(len(INJECTIONS))})
    everywhere = "".join(INJECTIONS)
    hostile, harmless = (
        [hostile_record(record, text, all_of_them) for record, text in zip(records, texts, strict=True)]
        for texts, all_of_them in ((INJECTIONS, everywhere), ([f"text {n}" for n in range(len(INJECTIONS))], "text"))
    )
    found, expected = Tags(), Tags()
    found.feed(render_report([Evaluation({INJECTIONS[2]: hostile}, name=INJECTIONS[0])], heading=INJECTIONS[1]))
    expected.feed(render_report([Evaluation({"debate": harmless}, name="text")]))
    assert found.tags == expected.tags
    assert found.handlers == []
    assert len(found.resources) == len(expected.resources)


def test_report_files(tmp_path: Path) -> None:
    game = Debate()
    evaluate(game, Questions(4), players_of(game), out=tmp_path / "runs" / "a")
    (run,) = load_runs([tmp_path / "runs"])
    assert run.name == "debate on questions"
    html, pictures = write_report([run], tmp_path / "report.html", limit=1)
    text = html.read_text()
    assert text.count("<article") == 1
    assert "3 more episodes are in debate.jsonl" in text
    assert str(tmp_path) not in text
    assert [picture.name for picture in pictures] == [f"report-1-debate-on-questions.{x}" for x in ("png", "svg")]
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in pictures[1].read_text()
    before = {file: file.read_bytes() for file in pictures}
    _, others = write_report([run, run], tmp_path / "other.html")
    assert len({*pictures, *others}) == 6
    assert {file: file.read_bytes() for file in pictures} == before
    assert pictures[1].read_bytes() == others[1].read_bytes()


def test_who_played_with_which_settings_stands_on_top(tmp_path: Path) -> None:
    game = Debate(rounds=2)
    evaluate(game, Questions(4), players_of(game), out=tmp_path / "a", seed=7)
    html = render_report(load_runs(tmp_path / "a"))
    top = html[html.index("<dl") : html.index("</dl>")]
    for said in ("debater_0, debater_1", "<b>scripted</b>", "rounds: 2", "questions/all", ">7<", "oversight-envs: "):
        assert said in top, said
    for damaged in ("[]", "{", '{"settings": 3, "libraries": [1]}'):
        for name in ("run.json", "summary.json"):
            (tmp_path / "a" / name).write_text(damaged)
        assert "rounds: 2" in render_report(load_runs(tmp_path / "a"))


def test_every_episode_is_in_the_page() -> None:
    said = [HOSTILE + "\u2028\U0001d538"]
    passage = "\U0001d538 " + PASSAGE
    records = play(
        Debate(), Questions(PER_PAGE + 5, passage=passage), dict.fromkeys(map("q{}".format, range(25)), 1.0), said
    )
    html = render_report([Evaluation({"debate": records})])
    assert html.count("<article") == PER_PAGE
    index, episodes, passages = (_unpacked(html, kind) for kind in ("index", "episodes", "passages"))
    assert passages == [passage]
    assert len(episodes) == len(records)
    for number, (record, (place, node)) in enumerate(zip(records, episodes, strict=True)):
        assert place == 0
        assert _read(node, passage) == to_html(article(page(record), f"e1-{number + 1}"))
    assert index[0]["words"] == [page(record).words for record in records]
    assert index[0]["absent"] == [2] * len(records)
    assert {len(column) for column in index[0].values()} == {len(records)}


def _unpacked(html: str, kind: str) -> list[Any]:
    blocks = re.findall(rf'data-kind="{kind}" data-start="(\d+)">([^<]*)<', html)
    values: list[Any] = []
    for start, data in blocks:
        assert int(start) == len(values)
        values += json.loads(gzip.decompress(base64.b64decode(data)))
    return values


def _read(node: Any, passage: str) -> str:
    """What the page's script makes of a packed element, as HTML."""

    def text(part: Any) -> str:
        if isinstance(part, str):
            return part
        return passage[part[0] : part[1]] if part and isinstance(part[0], int) else "".join(map(text, part))

    if isinstance(node, str) or isinstance(node[0], int):
        return escape(text(node))
    tag, attributes, *children = node
    given = "".join(f' {name}="{escape(text(value))}"' for name, value in attributes.items())
    return f"<{tag}{given}>{''.join(_read(child, passage) for child in children)}</{tag}>"


def test_blocks_are_closed_where_they_are_full() -> None:
    values = ["x" * 90_000, "y" * 150_000, "z"]
    assert [block.start for block in pack(values)] == [0, 2]
    assert pack([]) == []


def test_two_runs_are_compared_where_they_part() -> None:
    keys = [f"q{i}" for i in range(10)]
    right = play(Debate(), Questions(10), dict.fromkeys(keys, 1.0))
    half = play(Debate(rounds=2), Questions(10), {key: 1.0 if i < 5 else -1.0 for i, key in enumerate(keys)})
    one, other = Evaluation({"debate": right}, name="one"), Evaluation({"debate": half[::-1]}, name="other")
    (pair,) = pairs([one, other])
    assert pair.difference == compare(right, half)
    assert [accuracy.value for accuracy in pair.accuracies] == [1.0, 0.5]
    assert pair.setting == "config.rounds is 1 in the one and 2 in the other"
    assert {right[p.places[0]].question.text for p in pair.parting} == {
        f"Who has the mill, version {i}?" for i in range(5, 10)
    }
    for parting in pair.parting:
        assert right[parting.places[0]].question.text == half[::-1][parting.places[1]].question.text == parting.question
    html = render_report([one, other])
    assert "+50 points" in html
    assert f'href="#e2-{pair.parting[0].places[1] + 1}"' in html


def test_runs_that_share_no_question_are_not_compared() -> None:
    odds = {"q0": 1.0, "q1": 1.0}
    both = play(Debate(), Questions(2), odds)
    changed = [replace(r, question=replace(r.question, text="Another?")) for r in both]
    for found, why in (
        (both[1:], "no question was decided in all of these conditions: 1 decided 1, 2 decided 1"),
        (changed[:1], "question 'q0' of 1 is another one in 2"),
    ):
        (pair,) = pairs([Evaluation({"debate": both[:1]}), Evaluation({"debate": found})])
        assert why in pair.unlike
        assert pair.difference is None
    assert "are not compared: no question was decided in all of these conditions" in render_report(
        [Evaluation({"debate": both[:1]}), Evaluation({"debate": both[1:]})]
    )


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
        html, pictures = write_report(load_runs([tmp_path]), tmp_path / "report.html")
    assert len(pictures) == 4
    assert "$x^_{$" in html.read_text()


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
        *(([run], {"limit": limit}, "limit=") for limit in ("3", 2.0, True, -1)),
        ([run], {"heading": None}, "heading=None"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            write_report(runs, tmp_path / "report.html", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "debate.jsonl").write_text(run.conditions["debate"][0].to_json() + "\n")
    assert len(load_runs(tmp_path)) == len(load_runs(str(tmp_path))) == 1
