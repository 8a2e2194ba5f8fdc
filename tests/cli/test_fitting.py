"""Models with short contexts: passages are cut to what instructions and speeches leave free."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import call, fails

from oversight_envs.play import read_episodes

STORIES = ["--task", "stories", "--option", "wording=tiny_debate"]
TINY = ["--model", "tiny-stories-debater", "--judge", "tiny-stories-judge"]
SUMS = ["--task-option", "style=chain", "--option", "wording=tiny_prover_verifier"]
PROVERS = ["--model", "tiny-arithmetic-prover", "--judge", "tiny-arithmetic-verifier"]


def test_the_tiny_models_play_and_are_measured(tmp_path: Path) -> None:
    assert "judge_0 decides" in call("play", "debate", *STORIES, *TINY).output
    assert "verifier_0 marks" in call("play", "prover_verifier", *SUMS, *PROVERS).output
    args = ["--questions", "40", "--out", str(tmp_path)]
    assert "better than chance" in call("evaluate", "debate", *STORIES, *TINY, *args).output
    records = list(read_episodes(tmp_path / "debate.jsonl"))
    assert not any("passage_cut" in record.question.metadata for record in records)
    assert records[0].players["debater_0"]["max_new_tokens"] == 64


@pytest.mark.parametrize(("rounds", "most"), [(1, 3000), (2, 2600)])
def test_a_passage_is_cut_to_what_the_rounds_leave(rounds: int, most: int, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    lines = "\n".join(f"Day {day}: Mary moved the kettle to the study." for day in range(1, 100))
    row = {"id": "q", "question": "Where was the kettle at the end of day 7?", "options": ["the study", "the hall"]}
    file.write_text(json.dumps({**row, "answer": 0, "passage": lines}) + "\n")
    task = ["--task", "jsonl", "--task-option", f"path={file}", "--option", "wording=tiny_debate"]
    args = [*task, *TINY, "--option", f"rounds={rounds}", "--questions", "1", "--out", str(tmp_path / "run")]
    call("evaluate", "debate", *args)
    (record,) = read_episodes(tmp_path / "run" / "debate.jsonl")
    assert record.question.metadata["passage_cut"] == len(lines)
    assert most * 0.9 < len(record.question.passage) < most
    fails("play", "debate", *task, *TINY, "--max-new-tokens", "600", says="reads 512 tokens")
