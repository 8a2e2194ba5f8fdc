"""Files in the shape of Khan et al.'s, made up, read as episodes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from command_line import call, fails

from oversight_envs.evaluation import Evaluation, measure
from oversight_envs.importers import import_llm_debate
from oversight_envs.play import read_episodes
from oversight_envs.protocols import Debate
from oversight_envs.tasks.files import DataError

STORY = "The mill stood by the river. On Monday the miller sold it to his sister, and she let it fall down."


def transcript(rounds: list[dict[str, Any]], *, swap: bool = False, **changed: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "question": "Who has the mill?",
        "question_set_id": "1_A",
        "story": STORY,
        "story_title": "The mill",
        "answers": {"correct": "the sister", "incorrect": "the miller"},
        "names": {"correct": "Debater A", "incorrect": "Debater B", "cross_examiner": None, "judge": None},
        "swap": swap,
        "rollout_type": "quality_sim",
        "rounds": rounds,
        "responses": rounds,
        "extra": {},
    } | changed


DEBATE = [
    {"correct": "She. <v_quote>the miller sold it to his sister</v_quote>", "incorrect": "He.", "type": "sim"},
    {"correct": "As I say.", "incorrect": "He <u_quote>kept the mill for good</u_quote>.", "type": "sim"},
]
CONSULTANCY = [{"correct": None, "incorrect": "The miller has it.", "type": "sim"}]


def table(path: Path, *rows: dict[str, Any]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            cells = {key: json.dumps(v) if isinstance(v, dict) else v for key, v in row.items()}
            writer.writerow(cells)
    return path


def judged(rounds: list[dict[str, Any]], answer: str, **changed: Any) -> dict[str, Any]:
    told = transcript(rounds, **changed)
    return {"transcript": told, "complete": True, "complete_judge": True, "answer_judge": answer}


def test_debates_are_episodes_with_their_sides_order_and_verdicts(tmp_path: Path) -> None:
    file = table(
        tmp_path / "data0_judgement.csv",
        judged(DEBATE, "I think so.\nAnswer: A"),
        judged(DEBATE, "B)", swap=True),
        judged(DEBATE, "Final Answer: <A>", swap=True),
        judged(DEBATE, "It can't be told."),
    )
    (records,) = import_llm_debate(file).conditions.values()
    right, swapped, wrong, unread = records
    for record in records:
        truth = record.question.truth
        assert record.question.options[int(truth or 0)] == "the sister"
        honest, other = ("debater_1", "debater_0") if record.assigned.order[0] != truth else ("debater_0", "debater_1")
        assert record.assigned.sides[honest] == truth
        assert [s.spoken for s in record.transcript if s.role == other] == [
            "He.",
            DEBATE[1]["incorrect"].replace("u_", ""),
        ]
        assert [q.verified for s in record.transcript for q in s.quotes] == [True, False]
        assert record.episode(Debate(**record.config)).transcript == record.transcript
    assert (right.assigned.order[0], swapped.assigned.order[1]) == (right.question.truth,) * 2
    assert [r.decision.verdict.choice == r.question.truth for r in (right, swapped, wrong) if r.decision] == [
        True,
        True,
        False,
    ]
    assert unread.decision is None
    assert "names no letter" in str(unread.truncated)
    assert right.decision is not None
    assert right.decision.views[0].info == {"answer": "I think so.\nAnswer: A"}
    metrics = measure(records)
    assert metrics.decisions is not None
    assert metrics.decisions.accuracy.value == pytest.approx(2 / 3)
    assert metrics.truncated == 1


def test_human_judgements_of_consultancies_and_interactive_debates(tmp_path: Path) -> None:
    asking = [DEBATE[0], {**DEBATE[1], "judge": "Who paid?"}]
    about = {"debate_method": "debate", "debater_config": "v7.yaml", "judge_id": 3, "explanation": "Well argued."}
    file = table(
        tmp_path / "human.csv",
        {"transcript": transcript(asking, swap=True, story=None), "confidence_correct": 0.8, **about},
        {"transcript": transcript(CONSULTANCY, story=None), "confidence_correct": 0.1, **about},
        {"transcript": transcript([], story=None), "confidence_correct": 0.5, **about},
        {"transcript": transcript(DEBATE, story=None), "complete": False},
    )
    found = import_llm_debate(file, passages={"1_A": STORY})
    assert list(found.conditions) == ["debate-interactive-2-rounds", "consultancy-1-rounds"]
    assert found.left_out == {"a baseline: nobody speaks": 1, "the debate is not complete": 1}
    (debate,), (consultancy,) = found.conditions.values()
    assert debate.decision is not None
    assert debate.decision.verdict.log_probs[int(debate.question.truth or 0)] == pytest.approx(math.log(0.8))
    assert debate.decision.views[0].info == {"judge_id": "3", "explanation": "Well argued."}
    assert [s.text for s in debate.transcript if s.role == "judge_0"] == ["Who paid?"]
    assert debate.players["debater_1"]["name"] == "v7.yaml"
    assert consultancy.correct == {"consultant_0": False}
    assert consultancy.question == debate.question


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    def refused(says: str, *rows: dict[str, Any], **options: Any) -> None:
        with pytest.raises(DataError, match=says):
            import_llm_debate(table(tmp_path / "x.csv", *rows), **options)

    refused("no column 'transcript'", {"question": "Who?", "answer": "He"})
    refused(r"x.csv:2: the transcript is no JSON", {"transcript": "Debater 1: I say"})
    refused(
        "of another version: it must have question, answers, names",
        {"transcript": {"ans1": "a", "ans2": "b", "rounds": []}},
    )
    refused("there is no story of question set '1_A'", {"transcript": transcript(DEBATE, story=None)})
    refused("none of the 1 quotes .* another passage", {"transcript": transcript(DEBATE, story="Not a word of it.")})
    lacking = [{**DEBATE[0], "incorrect": None}, DEBATE[1]]
    refused("round 1 must have a text of the incorrect side", {"transcript": transcript(lacking)})
    refused("from 0 to 1, not '80'", {"transcript": transcript(DEBATE), "confidence_correct": 80})
    refused("no debate or consultancy in it", {"transcript": transcript([])})
    bare = import_llm_debate(
        table(tmp_path / "y.csv", {"transcript": transcript(DEBATE, story=None)}), without_passage=True
    )
    ((record,),) = bare.conditions.values()
    assert (record.config["quotes"], record.truncated) == (False, "the file has no judgement of it")


def test_an_imported_file_is_judged_again_and_reported(tmp_path: Path) -> None:
    rows = [judged(DEBATE, "A", question=f"Who has the mill, {k}?") for k in range(3)]
    big = {**rows[0]["transcript"], "question": "And now?", "extra": {"candidates": "x" * 200_000}}
    file = table(tmp_path / "data0.csv", *rows, {"transcript": big, "complete": True})
    out = tmp_path / "imported"
    shown = call("import", "llm_debate", str(file), "--out", str(out)).output
    assert "4 episodes, 3 of them judged" in shown
    again = tmp_path / "again"
    shown = call("rejudge", str(out), "--judge", "oracle", "--out", str(again), "--option", "show=quotes").output
    assert "on the 3 questions that all of them decided" in shown
    assert all(record.decision for record in read_episodes(again / "debate-2-rounds.jsonl"))
    assert Evaluation.load(again).metrics["debate-2-rounds"].truncated == 0
    call("report", str(out), "--out", str(tmp_path / "page.html"))
    assert "Who has the mill, 2?" in (tmp_path / "page.html").read_text(encoding="utf-8")
    fails("import", "llm_debate", str(file), "--out", str(out), says="there are episodes here already")
    fails(
        "import",
        "nlm",
        str(file),
        "--out",
        str(tmp_path / "n"),
        says="choose one of 'dc_debates', 'julianmichael_debate', 'llm_debate', 'nyu_debate_modeling'",
    )
