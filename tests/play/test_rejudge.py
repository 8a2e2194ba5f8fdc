"""Saved episodes judged again."""

from __future__ import annotations

from typing import Any

import pytest
from small_tasks import Things

from oversight_envs import PlayerError, Verdict, rejudge, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Consultancy, Debate

SCRIPT = ScriptedAgent(["First.", "Second."])


def test_speeches_stand_and_only_the_judge_is_asked() -> None:
    game = Debate(rounds=2, both_orders=True)
    players = {"debater_0": SCRIPT, "debater_1": SCRIPT, "judge_0": CallableJudge(log_odds=lambda case: 1.0)}
    old = rollout(game, Things(), players, samples=2)
    asked: list[Any] = []

    class Other:
        def decide(self, cases: Any) -> list[Verdict]:
            asked.extend(cases)
            return [Verdict((-0.1053605156578263, -2.302585092994046)) for _ in cases]

        description = {"type": "other"}  # noqa: RUF012

    seen: list[Any] = []
    new = rejudge(old, game, Things(), {"judge_0": Other()}, on_record=seen.append)
    assert len(asked) == 2 * len(old) == 2 * len(seen)
    for before, after in zip(old, new, strict=True):
        assert after.transcript == before.transcript
        assert (after.question, after.seed) == (before.question, before.seed)
        assert after.players["judge_0"] == {"type": "other"}
        assert after.players["debater_0"] == before.players["debater_0"]
        assert after.decisions[0].views == (asked and Verdict((-0.1053605156578263, -2.302585092994046)),) * 2


def test_an_episode_that_was_cut_off_at_the_judge_is_judged() -> None:
    from oversight_envs import Episode
    from oversight_envs.core.record import make_record

    episode = Episode(Debate(), Things()[0], 7)
    while episode.asks[0].role != "judge_0":
        episode.answer(episode.asks[0], "It is so.")
    for text in ("Well.", "Hm."):
        episode.answer(episode.asks[0], text)
    record = make_record(episode, Things())
    assert (record.truncated, len(record.transcript)) == ("judge_0 gave two ambiguous answers", 2)
    (again,) = rejudge([record], Debate(), Things(), {"judge_0": CallableJudge(log_odds=lambda case: 0.5)})
    assert again.truncated is None
    assert again.rewards["debater_0"] == pytest.approx(
        0.5 if again.assigned.sides["debater_0"] == again.assigned.order[0] else -0.5
    )


def test_another_game_or_a_shorter_record_is_refused() -> None:
    players = {"debater_0": SCRIPT, "debater_1": SCRIPT, "judge_0": CallableJudge(log_odds=lambda case: 1.0)}
    records = rollout(Debate(), Things(), players)
    with pytest.raises(ValueError, match="consultancy has consultant_0, judge_0"):
        rejudge(records, Consultancy(), Things(), {"judge_0": players["judge_0"]})
    with pytest.raises(PlayerError, match="no record of what debater_0 did"):
        rejudge(records, Debate(rounds=2), Things(), {"judge_0": players["judge_0"]})
