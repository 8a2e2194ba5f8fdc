"""Rooms in the shape of julianmichael/debate's, made up, read as episodes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from oversight_envs.importers import import_julianmichael_debate
from oversight_envs.protocols import Debate
from oversight_envs.tasks.files import DataError

TEXT = "The mill stood by the river . | `` I sold it to my sister , '' the miller said ; she let it fall down ."
STORY = ["\n" if token == "|" else token for token in TEXT.split()]


def speech(speaker: str, *content: str | tuple[int, int]) -> dict[str, Any]:
    segments = [{"Text": {"text": c}} if isinstance(c, str) else {"Quote": {"span": list(c)}} for c in content]
    return {"speaker": speaker, "timestamp": 1, "content": segments}


def judge(p: float, text: str = "", *, end: bool = False) -> dict[str, Any]:
    content = [text] if text else []
    return {"distribution": [p, 1 - p], "feedback": speech("Judy", *content), "endDebate": end}


SIM = {
    "SimultaneousSpeeches": {
        "speeches": {"0": speech("Ada", "The miller has it."), "1": speech("Bob", "He said ", (8, 17), "!")}
    }
}
SEQ = {"SequentialSpeeches": {"speeches": {"0": speech("Ada", "Still he."), "1": speech("Bob", "Still she.")}}}
AFTERWARDS = {
    "OfflineJudgments": {
        "judgments": {"Olga": {"mode": "stepped", "judgments": [judge(0.5), judge(0.9, "He has.", end=True)]}}
    }
}


def room(path: Path, *rounds: dict[str, Any], contents: list[str] = STORY, **changed: Any) -> Path:
    material = {"QuALITYSourceMaterial": {"articleId": "7", "title": "The mill", "contents": contents}}
    setup = {
        "sourceMaterial": material,
        "question": "Who has the mill?",
        "answers": ["the miller", "the sister"],
        "correctAnswerIndex": 1,
        "roles": {"Debater A": "Ada", "Debater B": "Bob", "Judge": "Judy"},
    } | changed
    path.write_text(json.dumps({"setup": setup, "rounds": list(rounds)}), encoding="utf-8")
    return path


def test_a_room_is_an_episode_for_each_of_its_judges(tmp_path: Path) -> None:
    first = {"JudgeFeedback": judge(0.5, "I know nothing.")}
    between, last = {"JudgeFeedback": judge(0.4, "Why?")}, {"JudgeFeedback": judge(0.0, "The quote.", end=True)}
    room(tmp_path / "mill-0.json", first, SIM, between, SEQ, last, AFTERWARDS)
    gpt4 = {"SequentialSpeeches": {"speeches": {"0": speech("GPT-4", "The miller has it.")}}}
    room(tmp_path / "mill-1.json", {"JudgeFeedback": judge(0.5)}, gpt4)
    room(tmp_path / "mill-2.json")
    room(tmp_path / "mill-3.json", SIM, {"SequentialSpeeches": {"speeches": {"0": speech("Ada", "Still he.")}}})
    found = import_julianmichael_debate(tmp_path)
    assert {name: len(records) for name, records in found.conditions.items()} == {
        "debate-interactive-2-rounds": 1,
        "debate-2-rounds": 1,
        "consultancy-1-rounds": 1,
    }
    assert found.left_out == {"nobody spoke": 1, "a round was not ended": 1}
    assert found.missing == {"what the judge said before the first round": 2}
    (live,), (afterwards,), (consultancy,) = found.conditions.values()
    truth = int(live.question.truth or 0)
    assert live.question.options[truth] == "the sister"
    assert '.\n"I sold it to my sister," the miller said; she' in live.question.passage
    assert live.correct == {"debater_0": False, "debater_1": True}
    assert [(s.role, s.spoken) for s in live.transcript[:3]] == [
        ("debater_0", "The miller has it."),
        ("debater_1", 'He said <quote>"I sold it to my sister,"</quote>!'),
        ("judge_0", "Why?"),
    ]
    assert [quote.verified for s in live.transcript for quote in s.quotes] == [True]
    assert live.decision is not None
    assert afterwards.decision is not None
    assert live.decision.verdict.log_probs[truth] == pytest.approx(math.log(0.99))  # up to 99%
    assert live.decision.views[0].info == {"judge": "Judy", "explanation": "The quote.", "beliefs": "0.50 0.40 0.00"}
    assert afterwards.decision.verdict.log_probs[truth] == pytest.approx(math.log(0.1))
    assert [s.role for s in afterwards.transcript] == ["debater_0", "debater_1"] * 2
    assert afterwards.players["judge_0"]["name"] == "human, afterwards"
    assert live.episode(Debate(**live.config)).transcript == live.transcript
    assert consultancy.truncated == "no judge of the room came to a decision"
    assert consultancy.assigned.sides["consultant_0"] == 1 - truth
    assert consultancy.players["consultant_0"]["name"] == "GPT-4"
    shown = call("import", "julianmichael_debate", str(tmp_path), "--out", str(tmp_path / "out")).output
    assert "missing from 2 episodes, which can't hold it: what the judge said before the first round" in shown


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"

    def refused(says: str, *rounds: dict[str, Any], **changed: Any) -> None:
        with pytest.raises(DataError, match=says):
            import_julianmichael_debate(room(file, *rounds, **changed))

    outside = {"SequentialSpeeches": {"speeches": {"0": speech("Ada", (70, 80))}}}
    refused(r"x\.json: .* the quote 70-80 is outside of the story's 27 words", outside)
    refused(r"x\.json: .*another version \(KeyError: 'speeches'", {"SequentialSpeeches": {}})
    refused("another version", SIM, answers=None)
    refused("no story", SIM, contents=[])
    refused("two probabilities", SIM, {"JudgeFeedback": judge(1.5, end=True)})
    file.write_text('{"metadata": {}, "speeches": []}')
    with pytest.raises(DataError, match=r"no room of julianmichael/debate"):
        import_julianmichael_debate(file)
    bare = import_julianmichael_debate(room(file, SIM), without_passage=True)
    assert bare.conditions["debate-1-rounds"][0].transcript[1].spoken == "He said [quote]!"
