"""The queue: what is asked together, players in all three shapes, failures."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from small_tasks import Things

from oversight_envs import Case, Consult, Episode, PlayerError, Speech, Turn, Verdict, rollout
from oversight_envs.agents import BestOfNAgent, CachedPlayer, ScriptedAgent, SpeakingJudge
from oversight_envs.core.players import CannotPlay
from oversight_envs.env import OversightEnv
from oversight_envs.play import Queue, drive, failed_path, read_episodes
from oversight_envs.play.jobs import Job, unless_all_fail
from oversight_envs.protocols import Consultancy, Debate

EVEN = Verdict((-0.6931471805599453, -0.6931471805599453))


class Counting:
    """Speaks and decides, and counts its calls and what they held."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        self.calls.append(len(turns))
        return [f"draw {turn.draw}: {turn.argues_for}" for turn in turns]

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        self.calls.append(len(cases))
        return [EVEN for _ in cases]


class Waiting:
    """Answers asynchronously, the later asked the sooner."""

    def __init__(self) -> None:
        self.together = self.most = 0

    async def answer(self, ask: Any) -> Any:
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0.02 if ask.role == "debater_0" else 0.005)
        self.together -= 1
        return f"{ask.role} on {ask.question_id}" if isinstance(ask, Turn) else EVEN


def test_everything_that_waits_for_one_player_is_one_batch() -> None:
    debater, judge = Counting(), Counting()
    rollout(
        Debate(rounds=2, both_orders=True),
        Things(),
        {"debater_0": debater, "debater_1": debater, "judge_0": judge},
        samples=8,
    )
    assert debater.calls == [64, 64]
    assert judge.calls == [64]


def test_best_of_n_joins_the_batches_of_everyone() -> None:
    debater, judge = Counting(), Counting()
    best = BestOfNAgent(debater, judge, 8)
    rollout(Debate(), Things(), {"debater_0": best, "debater_1": best, "judge_0": judge}, samples=8)
    assert debater.calls == [32 * 2 * 8]  # 32 debates, two debaters, eight draws
    assert judge.calls == [32 * 2 * 8, 32]  # all candidates in one call, then the verdicts


def test_players_of_players_of_players() -> None:
    judge = Counting()
    inner = BestOfNAgent(Counting(), CachedPlayer(judge), 2)
    outer = BestOfNAgent(inner, judge, 3)
    (record, *_) = rollout(Debate(), Things(), {"debater_0": outer, "debater_1": outer, "judge_0": judge})
    speech = record.entries[0].reply
    assert isinstance(speech, Speech)
    assert speech.info["best_of"] == 3
    assert speech.text.startswith("draw 0:")  # ties go to the earlier draw, inside and outside
    assert judge.calls[0] == 4 * 2 * 3 * 2


def test_a_judge_made_of_two_players_speaks_and_decides() -> None:
    speaker, judge = Counting(), Counting()
    records = rollout(
        Consultancy(rounds=2, judge_asks=True),
        Things(),
        {"consultant_0": ScriptedAgent(["It is so."]), "judge_0": SpeakingJudge(speaker, judge)},
    )
    assert (speaker.calls, judge.calls) == ([4], [4])
    assert [s.role for s in records[0].transcript] == ["consultant_0", "judge_0", "consultant_0"]


def test_asynchronous_players_fly_together_and_change_nothing() -> None:
    player = Waiting()
    played = rollout(Debate(rounds=2), Things(), dict.fromkeys(Debate.roles, player))
    assert player.most == 8  # four debates, two debaters each
    script = ScriptedAgent(lambda turn: f"{turn.role} on {turn.question_id}")
    judge = Counting()
    in_step = rollout(Debate(rounds=2), Things(), {"debater_0": script, "debater_1": script, "judge_0": judge})
    assert [r.entries for r in played] == [r.entries for r in in_step]
    assert [r.rewards for r in played] == [r.rewards for r in in_step]


def test_asynchronous_players_in_env_step_inside_a_running_loop() -> None:
    async def notebook() -> float:
        env = OversightEnv(Debate(), Things(), players={"debater_1": Waiting(), "judge_0": Waiting()})
        env.reset(seed=1)
        env.step("I say so.")
        assert env.record is not None
        return env.rewards["debater_0"]

    assert asyncio.run(notebook()) == 0.0


def test_while_an_agent_is_to_act_nobody_answers() -> None:
    episode = Episode(Debate(), Things()[0], 1)
    judge = Counting()
    queue = Queue()
    queue.add(episode, {"debater_1": judge, "judge_0": judge})
    assert queue.take() is None
    episode.answer(episode.asks[0], "I speak.")
    assert list(drive([(episode, {"debater_1": judge, "judge_0": judge})])) == [episode]


class Failing:
    """Can't answer the question about the key."""

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        if any(turn.question_id == "key" for turn in turns):
            raise ConnectionError("the server is gone")
        return ["It is so." for _ in turns]


class FailingAsync:
    async def answer(self, ask: Any) -> str:
        return Failing().speak([ask])[0]


class FailingCompound:
    def answer(self, ask: Any) -> Generator[Consult, list[Any], Any]:
        if ask.question_id == "key":
            raise ConnectionError("the server is gone")
        (reply,) = yield Consult(ScriptedAgent(["It is so."]), [ask])
        return reply


@pytest.mark.parametrize("debater", [Failing(), FailingAsync(), FailingCompound()])
def test_a_failure_costs_its_own_episode_and_no_other(debater: Any, tmp_path: Any) -> None:
    players = {"debater_0": ScriptedAgent(["Mine."]), "debater_1": debater, "judge_0": Counting()}
    with pytest.raises(ConnectionError, match="the server is gone"):
        rollout(Debate(), Things(), players)
    path = tmp_path / "episodes.jsonl"
    records = rollout(Debate(), Things(), players, on_failure="record", path=path)
    assert [r.failed for r in records if r.question.id != "key"] == [None] * 3
    (failed,) = [r for r in records if r.question.id == "key"]
    assert failed.failed == "debater_1: ConnectionError: the server is gone"
    assert failed.rewards == {}
    assert failed.decisions == ()
    assert len(path.read_text().splitlines()) == 3  # the failed one is played again by the next run
    assert list(read_episodes(failed_path(path))) == [failed]


def test_what_comes_back_is_checked() -> None:
    class Mute:
        def answer(self, ask: Any) -> Generator[Consult, list[Any], Any]:
            yield Consult(Counting(), [ask])
            return None

    class Nothing:
        def answer(self, ask: Any) -> Generator[Any, Any, Any]:
            yield "a string"

    for player, says in ((Mute(), "must say a string"), (Nothing(), "not Consult")):
        with pytest.raises(PlayerError, match=says):
            rollout(Debate(), Things(), {"debater_0": player, "debater_1": player, "judge_0": Counting()})


class Vague:
    """Gives the labels a twentieth of its probability."""

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [Verdict(EVEN.log_probs, 0.05) for _ in cases]


def test_verdicts_that_say_little_are_warned_about_once_for_a_player_and_run() -> None:
    speakers = dict.fromkeys(("debater_0", "debater_1"), ScriptedAgent(["So."]))
    asked = SpeakingJudge(ScriptedAgent(["Why?"]), Vague())
    for judge in (Vague(), asked):
        with pytest.warns(UserWarning, match=r"judge_0 .* gave less than 50% of its probability") as warned:
            rollout(Debate(both_orders=True), Things(), {**speakers, "judge_0": judge}, samples=3)
        assert len(warned) == 1
    env = OversightEnv(Debate(), Things(), players={"judge_0": Vague()})
    with pytest.warns(UserWarning, match="gave less than 50%") as warned:
        play_twice(env)
    assert len(warned) == 1


def play_twice(env: OversightEnv) -> None:
    for seed in range(2):
        env.reset(seed)
        for agent in env.agent_iter():
            env.step(None if env.terminations[agent] else "So.")


def test_an_outage_that_passes_is_survived_and_one_that_stays_ends_the_run() -> None:
    def played(pattern: str) -> Iterator[Any]:
        """``x`` is an episode that has failed."""
        records: list[Any] = [SimpleNamespace(failed="gone" if c == "x" else None) for c in pattern]
        return unless_all_fail(((Job(0, Things()[0], 0), record) for record in records), concurrency=4)

    assert len(list(played("xxx" + "." + "x" * 13 + "." + "x" * 13))) == 31
    for pattern, most in (("x" * 99, 10), ("." + "x" * 99, 1 + 14), ("..xxx." + "x" * 99, 6 + 14)):
        ended: list[Any] = []
        with pytest.raises(CannotPlay, match=r"episodes in a row have failed.*the last one: gone"):
            ended += played(pattern)
        assert len(ended) == most  # the last one too: its record is kept
