"""One episode, shown as it is played."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import DRY, PASSAGE, call, fails, on

from oversight_envs.play import read_episodes


def test_play_shows_sides_quotes_and_verdict(data: Path) -> None:
    shown = call("play", "debate", *on(data), *DRY, "--question", "q1", "--option", "rounds=2").output
    assert shown.count("argues for: blue") == 2
    assert "(honest)" in shown
    assert "“the kettle was blue” ✓" in shown
    assert "“it was green” ✗ not in the passage" in shown
    assert "99% " in shown
    assert "green ✓ right answer" in shown
    assert "[bold]Nobody[/bold]" in shown  # no markup in what others wrote


@pytest.mark.parametrize(
    ("game", "says"),
    [("consultancy", "judge_0 decides"), ("direct", "judge_0 decides"), ("prover_verifier", "verifier_0 marks")],
)
def test_play_other_games(game: str, says: str) -> None:
    task = [] if game == "prover_verifier" else ["--task", "stories"]
    shown = call("play", game, *task, "--agent", "scripted:Answer: 7", "--judge", "oracle").output
    assert says in shown


def test_play_shows_answers_that_nobody_scores() -> None:
    sums = ["play", "recursive_debate", "--agent", "scripted:Answer: 5", "--task-option", "depth=1"]
    assert "= 5 ✗ wrong" in call(*sums, "--option", "judge=false").output
    shown = call(*sums[:-1], "depth=2", "--judge", "oracle").output
    assert "prover_0: no valid answer ✗ wrong" in shown
    assert "prover_0 -1.00 · opponent_0 +1.00" in shown


def test_play_is_what_evaluate_plays(data: Path, tmp_path: Path) -> None:
    call("evaluate", "debate", *on(data), *DRY, "--questions", "1", "--seed", "5", "--out", str(tmp_path / "r"))
    (record,) = read_episodes(tmp_path / "r" / "debate.jsonl")
    shown = call("play", "debate", *on(data), *DRY, "--seed", "5").output
    assert record.question.id in shown
    assert record.outcome is not None
    sides = {role: record.question.options[side] for role, side in record.assigned.sides.items()}
    first = shown.split("debater_0")[1]
    assert first.index(f"argues for: {sides['debater_0']}") < first.index("debater_1")


def test_a_person_may_play_and_is_told_nothing(data: Path) -> None:
    args = ["play", "debate", *on(data), "--agent", "scripted:Hm.", "--human", "judge_0", "--question", "q0"]
    shown = call(*args, stdin="perhaps\n0.7\n").output
    before = shown.split("judge_0>")[0]
    assert PASSAGE[:20] not in before
    assert "honest" not in before
    assert "70%" in shown
    fails(*args, says="the input ended while judge_0 was to answer")
    shown = call("play", "debate", *on(data), *DRY, "--human", "debater_1", stdin="It is what I say.\n\n").output
    assert "It is what I say." in shown


def test_a_judge_that_asks_is_two_players(data: Path) -> None:
    options = ["--option", "rounds=2", "--option", "judge_asks=true"]
    assert "judge_0" in call("play", "consultancy", *on(data), *DRY, *options).output
