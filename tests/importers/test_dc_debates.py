"""Trees in the shape of DC-Debates', made up, read as episodes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from oversight_envs.importers import import_dc_debates
from oversight_envs.importers.dc_debates import JUDGEMENTS, NAMES, TREES
from oversight_envs.protocols import Debate
from oversight_envs.report.report import load_runs, write_report
from oversight_envs.tasks.files import DataError

SOURCES = """<defs><def id="mill">Mill - grinds, if a < b.</def></defs>
<sources><ref id="deed" quote="Sold &amp; paid." author="The notary"/></sources>"""


def claim(
    number: int,
    parent: int | None,
    debater: str,
    text: str,
    *below: dict[str, Any],
    honest: str = "",
    dishonest: str = "",
) -> dict[str, Any]:
    told = {"id": number, "text": text, "debater": debater, "level": 0, "parentId": parent, "children": list(below)}
    return told | {"honest_response": honest, "dishonest_response": dishonest}


def tree(last: str = "Yes") -> dict[str, Any]:
    left = claim(
        1,
        0,
        "honest",
        "the sister",
        claim(3, 1, "dishonest", "The deed is lost.", honest="No"),
        claim(
            4,
            1,
            "dishonest",
            'A <a xdef="mill">mill</a> can\'t be sold.',
            claim(7, 4, "honest", 'It was: <ref id="deed"/>.', dishonest=last),
            claim(8, 4, "honest", "Therefore, you should reject [None].", honest="Yes"),
            honest="Yes but omits key info",
        ),
        dishonest="No",
    )
    against = claim(5, 2, "honest", "He sold it.", claim(6, 5, "dishonest", "Not to her."), dishonest="Yes")
    root = claim(0, None, "questioner", "Who has the mill?<br><img src='images/mill.png'/> <task>x</task>")
    return {
        "nextId": 9,
        "defs_and_sources": SOURCES,
        "root": root | {"children": [left, claim(2, 0, "dishonest", "the miller", against)]},
    }


def write(file: Path, data: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), encoding="utf-8")
    return file


def test_a_tree_is_a_debate_level_by_level(tmp_path: Path) -> None:
    found = import_dc_debates(write(tmp_path / "mill.json", tree()))
    (record,) = found.conditions["debate-3-rounds"]
    assert record.question.text == (
        "Who has the mill?\n[picture images/mill.png] <task>x</task>\n\nDefinitions and sources:\n"
        'Mill - grinds, if a < b.\n[deed] The notary: "Sold & paid."'
    )
    assert record.question.options[int(record.question.truth or 0)] == "the sister"
    assert record.assigned.sides["debater_0"] == record.question.truth
    honest, dishonest = ([s.spoken for s in record.transcript if s.role == role] for role in ("debater_0", "debater_1"))
    assert honest == [
        "[1] the sister",
        "Against [2]:\n[5] He sold it.",
        "To [3]: No.\nTo [4]: Yes but omits key info.\n\nAgainst [4]:\n[7] It was: [deed].",
    ]
    assert dishonest == [
        "[2] the miller",
        "To [1]: No.\n\nAgainst [1]:\n[3] The deed is lost.\n[4] A mill can't be sold.",
        "To [5]: Yes.\n\nAgainst [5]:\n[6] Not to her.",
    ]
    assert record.truncated.startswith("the trees hold no judgement")
    assert record.episode(Debate(**record.config)).transcript == record.transcript
    assert found.missing == {"pictures": 1, "what is answered to the last claims": 1}
    assert import_dc_debates(write(tmp_path / "mill.json", tree(last=""))).missing == {"pictures": 1}


def test_the_participants_judgements_come_with_the_repository(tmp_path: Path) -> None:
    write(tmp_path / TREES / "mill.json", tree())
    write(tmp_path / TREES / "unread.json", tree())
    for name, rows in {
        NAMES: [["debate_id", "debate_name", "debate_question"], ["1", "mill", "The mill"]],
        JUDGEMENTS: [
            ["participant_id", "transcript", "order", "y_primary"],
            ["p-0001", "1", "0", "1.5"],
            ["p-0002", "1", "1", "-0.5"],
        ],
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    shown = call("import", "dc_debates", str(tmp_path), "--out", str(tmp_path / "out")).output
    assert "2 episodes, 2 of them judged" in shown
    (records,) = import_dc_debates(tmp_path).conditions.values()
    truth = int(records[0].question.truth or 0)
    assert [record.assigned.order[0] == truth for record in records] == [True, False]
    assert [record.correct["debater_0"] for record in records] == [True, False]
    assert records[0].transcript[0].spoken == records[1].transcript[1].spoken == "[1] the sister"
    for record, log_odds in zip(records, (1.5, -0.5), strict=True):
        assert record.decision is not None
        log_probs = record.decision.verdict.log_probs
        assert log_probs[truth] - log_probs[1 - truth] == pytest.approx(log_odds, abs=1e-4)
    assert math.isfinite(records[0].rewards["debater_0"])


def test_the_report_says_what_of_a_transcript_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / TREES / "mill.json", tree(last=""))
    call("import", "dc_debates", str(tmp_path / TREES), "--out", str(tmp_path / "out"))
    page, _ = write_report(load_runs(tmp_path / "out"), tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    assert "not in the episodes" in text
    assert "pictures: 1" in text


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    with pytest.raises(DataError, match=r"x\.json: no tree of DC-Debates"):
        import_dc_debates(write(file, {"setup": {}, "rounds": []}))
    with pytest.raises(DataError, match=r"x\.json: a tree of another version \(KeyError: 'debater'\)"):
        import_dc_debates(write(file, {"root": {"text": "", "children": [{}, {}]}}))
    longer = tree()
    longer["root"]["children"][1]["children"] = []
    with pytest.raises(DataError, match="one side is argued longer than the other"):
        import_dc_debates(write(file, longer))
    with pytest.raises(ValueError, match="have no passage"):
        import_dc_debates(file, without_passage=True)
