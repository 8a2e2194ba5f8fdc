"""Saved runs judged again from the command line."""

from __future__ import annotations

from pathlib import Path

from command_line import DRY, call, fails, on

from oversight_envs.play import read_episodes


def test_a_run_is_judged_again_and_set_beside_itself(data: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "again"
    call("evaluate", "debate", *on(data), *DRY, "--questions", "4", "--out", str(run))
    args = ["rejudge", str(run), "--judge", "oracle", "--out", str(out), "--option", "both_orders=true"]
    shown = call(*args).output
    assert "on the 4 questions that all of them decided" in shown
    assert "run − again" in shown
    assert "config.both_orders is False in the one and True in the other" in shown
    assert {file.name for file in out.glob("*.jsonl")} == {"debate.jsonl", "blind.jsonl", "expert.jsonl"}
    before, after = (sorted(read_episodes(f / "debate.jsonl"), key=lambda r: r.question.id) for f in (run, out))
    assert [r.transcript for r in before] == [r.transcript for r in after]
    assert {len(r.decisions[0].views) for r in after} == {2}
    assert {len(r.decisions[0].views) for r in read_episodes(out / "blind.jsonl")} == {2}
    kept = (out / "debate.jsonl").read_bytes()
    call(*args)
    assert (out / "debate.jsonl").read_bytes() == kept
    fails("rejudge", str(run), "--judge", "oracle", "--out", str(run), says="the run itself lies there")
    fails("rejudge", str(run), "--judge", "scripted:A", "--out", str(tmp_path / "n"), says="a script can't judge")
    fails(*args, "--option", "roundz=2", says="did you mean 'rounds'?")
    blind = ["rejudge", str(run / "blind.jsonl"), "--judge", "oracle", "--out"]
    fails(*blind, str(tmp_path / "n"), "--option", "show=all", says="direct has no option 'show'")
    fails(*blind, str(out), says="there is another run here")


def test_a_run_is_judged_again_by_two_judges_in_one_command(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "again"
    on_stories = ["--task", "stories", "--option", "wording=tiny_debate", "--model", "tiny-stories-debater"]
    call("evaluate", "debate", *on_stories, "--judge", "oracle", "--questions", "4", "--out", str(run))
    judges = ["--judge", "tiny-stories-judge", "--judge", "tiny-stories-heldout"]
    shown = call("rejudge", str(run), *judges, "--out", str(out)).output
    assert "run − tiny-stories-judge" in shown
    assert "tiny-stories-judge − tiny-stories-heldout" in shown
    assert {file.parent.name for file in out.rglob("debate.jsonl")} == {"tiny-stories-judge", "tiny-stories-heldout"}
    fails("rejudge", str(run), *judges[:2], *judges[:2], "--out", str(out), says="is given twice")


def test_marks_of_solutions_are_those_of_the_records(tmp_path: Path) -> None:
    run, out = tmp_path / "pv", tmp_path / "again"
    call("evaluate", "prover_verifier", "--agent", "scripted:Answer: 7", "--judge", "oracle", "--questions", "3",
         "--out", str(run))  # fmt: skip
    shown = call("rejudge", str(run), "--judge", "oracle", "--out", str(out)).output
    assert "AUC" in shown
    before, after = (
        sorted(read_episodes(f / "prover_verifier.jsonl"), key=lambda r: r.question.id) for f in (run, out)
    )
    assert [r.correct for r in before] == [r.correct for r in after]
