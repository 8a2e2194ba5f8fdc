"""Files in the shape of nyu-debate-modeling's, made up, read as episodes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from oversight_envs.importers import import_nyu_debate_modeling
from oversight_envs.protocols import Debate
from oversight_envs.tasks.files import DataError

STORY = "The mill stood by the river. On Monday the miller sold it to his sister, and she let it fall down."
METADATA = {
    "first_debater_correct": False,
    "question_idx": 3,
    "background_text": STORY,
    "question": "Who has the mill?",
    "first_debater_answer": "the miller",
    "second_debater_answer": "the sister",
    "debate_identifier": "The mill_Who has the mill?",
}


def speech(speaker: str, content: str | bool, **supplemental: Any) -> dict[str, Any]:
    return {"speaker": speaker, "content": content, "supplemental": supplemental or None}


DEBATE = [
    speech("Prompt", "This is a debate."),
    speech("Debater_A", "He. <invalid_quote>he kept it for good and all</invalid_quote>"),
    speech("Prompt", "Now B."),
    speech("Debater_B", "She. <quote>the miller sold it to his sister</quote>"),
    speech("Debater_A", "Still he."),
    speech("Debater_B", "Still she."),
    speech("Judge", "The quote settles it."),
]
DECISION = speech(
    "Judge", False, decision="Debater_B", probabilistic_decision={"Debater_A": 0.25, "Debater_B": 0.75}, failed=False
)


def write(path: Path, speeches: list[dict[str, Any]], **changed: Any) -> Path:
    path.write_text(json.dumps({"metadata": {**METADATA, **changed}, "speeches": speeches}), encoding="utf-8")
    return path


def test_a_folder_of_debates_and_consultancies(tmp_path: Path) -> None:
    write(tmp_path / "run_0.json", [*DEBATE, DECISION])
    write(tmp_path / "run_1.json", [*DEBATE, speech("Judge", True, decision="Debater_A", failed=False)])
    write(tmp_path / "run_2.json", [*DEBATE, speech("Judge", False, decision="", failed=True)])
    write(tmp_path / "run_3.json", [speech("Debater_A", "He has it."), DECISION])
    write(tmp_path / "run_4.json", [speech("Debater_B", "She has it."), DECISION])
    write(tmp_path / "run_5.json", [DECISION])
    found = import_nyu_debate_modeling(tmp_path)
    assert {name: len(records) for name, records in found.conditions.items()} == {
        "debate-2-rounds": 3,
        "consultancy-1-rounds": 1,
    }
    assert sorted(found.left_out.values()) == [1, 1]
    stated, chosen, undecided = found.conditions["debate-2-rounds"]
    truth = int(stated.question.truth or 0)
    assert stated.question.options[truth] == "the sister"
    assert stated.correct == {"debater_0": False, "debater_1": True}
    assert stated.assigned.order == (1 - truth, truth)
    assert [s.role for s in stated.transcript] == ["debater_0", "debater_1"] * 2
    assert [q.verified for s in stated.transcript for q in s.quotes] == [False, True]
    assert stated.decision is not None
    assert stated.decision.verdict.log_probs[truth] == pytest.approx(math.log(0.75))
    assert stated.decision.views[0].info == {"reasoning": "The quote settles it."}
    assert chosen.decision is not None
    assert chosen.decision.verdict.choice == 1 - truth
    assert undecided.truncated == "the file has no decision of the judge"
    assert len({record.seed for record in (stated, chosen, undecided)}) == 3
    assert stated.episode(Debate(**stated.config)).transcript == stated.transcript
    (consultancy,) = found.conditions["consultancy-1-rounds"]
    assert consultancy.correct == {"consultant_0": False}
    shown = call("import", "nyu_debate_modeling", str(tmp_path), "--out", str(tmp_path / "out")).output
    assert "3 episodes, 2 of them judged" in shown


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    def refused(says: str, *args: Any, **changed: Any) -> None:
        with pytest.raises(DataError, match=says):
            import_nyu_debate_modeling(write(tmp_path / "x.json", *args, **changed))

    refused("'first_debater_correct' must be true or false", DEBATE, first_debater_correct=None)
    refused("no passage", DEBATE, background_text="None provided")
    refused("must be a text, not True", [speech("Debater_A", True)])
    refused("a probability of Debater_A", [*DEBATE, speech("Judge", True, probabilistic_decision={"A": 1})])
    refused(r"x\.json: .* has equal options", DEBATE, first_debater_answer="the sister")
    (tmp_path / "y.json").write_text('{"turns": [], "question": "Who?", "answers": []}')
    with pytest.raises(DataError, match="must be one object with 'metadata'"):
        import_nyu_debate_modeling(tmp_path / "y.json")
    (tmp_path / "z.json").write_text("{")
    with pytest.raises(DataError, match=r"z\.json: not JSON"):
        import_nyu_debate_modeling(tmp_path / "z.json")
    bare = import_nyu_debate_modeling(
        write(tmp_path / "x.json", [*DEBATE, DECISION], background_text=""), without_passage=True
    )
    assert bare.conditions["debate-2-rounds"][0].config["quotes"] is False
