"""Saved episodes judged again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_tasks import Things

from oversight_envs import PlayerError, Verdict, rejudge, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.players import CannotPlay, Unanswerable
from oversight_envs.core.usage import Answer, Spent
from oversight_envs.judges import CallableJudge
from oversight_envs.play import StoreError, failed_path, read_episodes
from oversight_envs.play.replay import RecordedTask
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
    new = rejudge(old, game, Things(), {"judge_0": Other()}, on_record=lambda *told: seen.append(told))
    assert len(asked) == 2 * len(old) == 2 * (len(seen) - 1)
    assert seen[0] == (None, 0, len(old))
    assert seen[-1][1:] == (len(old), len(old))
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


class Counting:
    """A judge behind a server, as it were: it counts what it is asked, and says what it cost."""

    fingerprint = "counting"

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, ask: Any) -> Answer:
        self.asked += 1
        return Answer(Verdict((-0.1053605156578263, -2.302585092994046)), Spent("m", calls=1, tokens_in=7))

    @property
    def description(self) -> dict[str, str]:
        return {"type": "counting"}


def test_a_file_is_gone_on_with_and_keeps_what_judging_took(tmp_path: Path) -> None:
    path, script = tmp_path / "new.jsonl", ScriptedAgent(["I say."])
    players = {"debater_0": script, "debater_1": script, "judge_0": CallableJudge(log_odds=lambda case: 1.0)}
    old = rollout(Debate(), Things(), players)
    judge, task = Counting(), RecordedTask(old)
    rejudge(old[:2], Debate(), task, {"judge_0": judge}, path=path)
    new = rejudge(old, Debate(), task, {"judge_0": judge}, path=path)
    assert judge.asked == 4
    assert new == rejudge(old, Debate(), task, {"judge_0": judge}, path=path)
    assert {r.question.id: r for r in read_episodes(path)} == {r.question.id: r for r in new}
    assert [record.usage for record in new] == [{"judge_0": (Spent("m", calls=1, tokens_in=7),)}] * 4
    assert new[0].task == "things/all"
    other = ScriptedAgent(["I say otherwise."])
    others = rollout(Debate(), Things(), players | {"debater_1": other})
    with pytest.raises(StoreError, match=r"players\.debater_1"):
        rejudge(others, Debate(), task, {"judge_0": judge}, path=path)
    others = [replace(record, players=old[0].players) for record in others]
    with pytest.raises(StoreError, match=r"question '.*' under seed .* with other speeches than these"):
        rejudge(others, Debate(), task, {"judge_0": judge}, path=path)
    with pytest.raises(StoreError, match=r"config\.show"):
        rejudge(old, Debate(show="quotes"), task, {"judge_0": judge}, path=path)


def test_a_changed_game_says_what_the_speakers_played_under() -> None:
    players = {"debater_0": SCRIPT, "debater_1": SCRIPT, "judge_0": CallableJudge(log_odds=lambda case: 1.0)}
    old = rollout(Debate(), Things(), players)
    (new, *_) = rejudge(old, Debate(show="quotes"), Things(), {"judge_0": players["judge_0"]})
    assert new.players["debater_0"] == {"played_under": Debate().config, **old[0].players["debater_0"]}
    assert new.config["show"] == "quotes"
    assert "First." in old[0].entries[-1].prompt[-1].content
    assert "First." not in new.entries[-1].prompt[-1].content
    with pytest.raises(ValueError, match="is there twice, under seed"):
        rejudge([*old, old[0]], Debate(), Things(), {"judge_0": players["judge_0"]})
    with pytest.raises(ValueError, match=r"its seed gave the sides .* and gives \{\} in debate"):
        rejudge(old, Debate(positions="open"), Things(), {"judge_0": players["judge_0"]})
    with pytest.raises(CannotPlay, match="it was over there, so this is another game"):
        rejudge(old, Debate(rounds=2), Things(), {"judge_0": players["judge_0"]}, on_failure="record")
    with pytest.raises(ValueError, match=r"its seed gave the sides .* and gives .*: 1"):
        rejudge([replace(r, seed=r.seed + k) for k in range(9) for r in old], Debate(), Things(), players)


def test_what_ended_without_a_result_is_judged_as_far_as_it_goes(tmp_path: Path) -> None:
    class Fails:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def speak(self, turns: Any) -> Any:
            raise self.error

        def decide(self, cases: Any) -> Any:
            raise self.error

    good = {"debater_0": SCRIPT, "debater_1": SCRIPT, "judge_0": CallableJudge(log_odds=lambda case: 1.0)}

    def played(**bad: Any) -> Any:
        return rollout(Debate(turns="sequential"), Things(), good | bad, questions=2, on_failure="record")

    def judged(records: Any, **options: Any) -> Any:
        judge = {"judge_0": good["judge_0"]}
        return rejudge(records, Debate(turns="sequential"), Things(), judge, on_failure="record", **options)

    for at_the_judge in (played(judge_0=Fails(OSError("down"))), played(judge_0=Fails(Unanswerable("too long")))):
        assert all(record.ended_without_result and not record.decisions for record in at_the_judge)
        assert all(record.decision and not record.ended_without_result for record in judged(at_the_judge))
    path = tmp_path / "failed.jsonl"
    (failed, _) = judged(played(debater_1=Fails(OSError("down"))), path=path)
    assert failed.truncated is None
    assert "it ended there, debater_1: OSError: down" in failed.failed
    assert len(list(read_episodes(failed_path(path)))) == 2
    (cut, _) = judged(played(debater_1=Fails(Unanswerable("too long"))))
    assert cut.failed is None
    assert "it ended there, debater_1: Unanswerable: too long" in cut.truncated
