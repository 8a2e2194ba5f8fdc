"""Baselines differ from the protocol in what the judge sees, and in nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tasks import Things

from oversight_envs import Episode, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.record import make_record
from oversight_envs.evaluation import Evaluation, evaluate, measure
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Debate
from oversight_envs.report.report import render_report

PLAYERS = {
    "debater_0": ScriptedAgent(["It is so."]),
    "debater_1": ScriptedAgent(["It is not."]),
    "judge_0": CallableJudge(log_odds=lambda case: 0.5),
}


def test_baselines_are_played_under_the_protocols_wording_and_orders(tmp_path: Path) -> None:
    wording = tmp_path / "spoken.toml"
    wording.write_text('judge_system = "You hear a debate."\n[direct]\nsystem = "You hear a question."\n')
    game = Debate(wording=str(wording), both_orders=True)
    evaluation = evaluate(game, Things(), PLAYERS, out=tmp_path / "run")
    assert list(evaluation.conditions) == ["debate", "blind", "expert"]
    for name, system in (("debate", "You hear a debate."), ("blind", "You hear a question.")):
        record = evaluation.conditions[name][0]
        assert record.entries[-1].prompt[0].content.startswith(system)
        assert len(record.decisions[0].orders) == 2
    assert "The text:" in evaluation.conditions["expert"][0].entries[0].prompt[1].content


def test_a_wording_that_leaves_the_baselines_out_is_refused(tmp_path: Path) -> None:
    wording = tmp_path / "spoken.toml"
    wording.write_text('judge_system = "You hear a debate."\n')
    game = Debate(wording=str(wording))
    with pytest.raises(ValueError, match=r"has no table \[direct\]"):
        evaluate(game, Things(), PLAYERS, out=tmp_path / "run")
    assert list(evaluate(game, Things(), PLAYERS, out=tmp_path / "run", baselines=()).conditions) == ["debate"]


def test_speeches_of_an_episode_that_was_cut_off_are_counted_and_shown() -> None:
    (whole,) = rollout(Debate(), Things(), PLAYERS, questions=1)
    episode = Episode(Debate(), whole.question, whole.seed)
    while episode.asks[0].role != "judge_0":
        episode.answer(episode.asks[0], "Said before the end.")
    for text in ("Well.", "Hm."):
        episode.answer(episode.asks[0], text)
    cut = make_record(episode, Things(), players=whole.players, rule=whole.rule)
    metrics = measure([cut])
    assert (metrics.truncated, metrics.decisions) == (1, None)
    assert {who: spoken.count for who, spoken in metrics.speeches.items()} == {"honest": 1, "dishonest": 1}
    page = render_report([Evaluation({"debate": [cut]})])
    assert page.count("Said before the end.") == 2
    assert "judge_0 gave two ambiguous answers" in page
