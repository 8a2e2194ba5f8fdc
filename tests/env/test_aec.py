"""The AEC environment: judges in words, copies, fillers that fail, bad input."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from oversight_envs import debate_v0, prover_verifier_v0
from oversight_envs.env.aec import reset_all, step_all
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet


def test_an_ambiguous_judge_is_asked_again_once_and_never_guessed(things: Any) -> None:
    for second, truncated in (("A", False), ("Both, really.", True)):
        env = debate_v0.env(task=things)
        env.reset(seed=1)
        for said in ("It is so.", "It is not.", "A or B, who knows?"):
            env.step(said)
        observation, _, over, _, _ = env.last()
        assert "could not be read as a decision" in observation
        assert not over
        env.step(second)
        assert set(env.truncations.values()) == {truncated}
        record = env.unwrapped.record
        if truncated:
            assert set(env.rewards.values()) == {0.0}
            assert record.outcome is None
            assert record.decisions == ()
            assert [statement.text for statement in record.transcript] == ["It is so.", "It is not."]
            assert "two ambiguous answers" in record.truncated
            assert record.entries[-1].rejected == ("A or B, who knows?", "Both, really.")


def test_copies_in_the_middle_of_an_episode_play_on_alike(things: Any, oracle: OracleJudge) -> None:
    env = debate_v0.env(task=things, players={"judge_0": oracle}, rounds=2)
    env.reset(seed=4)
    env.step("First.")
    twins = [env, copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    assert twins[1].unwrapped.players["judge_0"] is oracle  # players are shared, not copied
    for twin in twins:
        for said in ("Second.", "Third.", "Fourth."):
            twin.step(said)
    assert len({twin.unwrapped.record.to_json() for twin in twins}) == 1
    env.reset(seed=4)
    assert twins[1].unwrapped.record is not None


def test_a_filler_that_fails_leaves_the_environment_at_that_request(things: Any) -> None:
    working = False

    def belief(case: Any) -> float:
        if not working:
            raise MemoryError("no room")
        return 1.0

    env = debate_v0.raw_env(task=things, players={"judge_0": CallableJudge(log_odds=belief)})
    env.reset(seed=0)
    env.step("One.")
    with pytest.raises(MemoryError):
        env.step("Two.")
    with pytest.raises(RuntimeError, match=r"waits for judge_0.*retry"):
        env.step("Three.")
    working = True
    env.retry()
    assert sorted(env.rewards.values()) == [-1.0, 1.0]
    env.retry()  # harmless once the game is over
    assert len(env.record.entries) == 3


def test_an_environment_says_what_it_is_and_where(things: Any, oracle: OracleJudge) -> None:
    env = debate_v0.env(task=things, players={"judge_0": oracle})
    what = "<OversightEnv debate_v0 on things/all: agents debater_0, debater_1; players judge_0=OracleJudge; "
    assert repr(env) == f"{what}not reset>"
    env.reset(seed=1, options={"question": 3})
    assert repr(env) == f"{what}question 'dog' waits for debater_0, debater_1>"
    for said in "ab":
        env.step(said)
    assert repr(env) == f"{what}question 'dog' is over>"
    assert str(env) == "debate_v0"
    single = debate_v0.gym_env(task=things, players={"judge_0": oracle, "debater_1": str.upper})
    assert repr(single) == str(single)
    assert repr(single).startswith(
        "<SingleAgentEnv of <OversightEnv debate_v0 on things/all: agents debater_0; players judge"
    )


def test_many_environments_step_with_one_call_to_the_judge(things: Any) -> None:
    sizes: list[int] = []

    class Counted(Puppet):
        def decide(self, cases: Any) -> Any:
            sizes.append(len(cases))
            return super().decide(cases)

    judge = Counted()
    alone, together = ([debate_v0.raw_env(task=things, players={"judge_0": judge}) for _ in range(3)] for _ in range(2))
    for seed, env in enumerate(alone):
        env.reset(seed)
        env.step("One.")
        env.step("Two.")
    reset_all(together, range(3), [None] * 3)
    for number, said in enumerate(("One.", "Two.")):
        assert [env.asked().role for env in together] == [f"debater_{number}"] * 3
        step_all(together, [said] * 3)
    assert sizes == [1, 1, 1, 3]
    assert [env.record for env in together] == [env.record for env in alone]
    with pytest.raises(RuntimeError, match="no agent is asked"):
        together[0].asked()


def test_bad_actions_change_nothing(things: Any, oracle: OracleJudge) -> None:
    raw = debate_v0.raw_env(task=things, players={"judge_0": oracle})
    with pytest.raises(RuntimeError, match="before reset"):
        raw.step("early")
    raw.reset(seed=0)
    with pytest.raises(ValueError, match="no agent 'debater_7'"):
        raw.observe("debater_7")
    for action, error in ((7, TypeError), (None, TypeError), ("x" * 10_000_000, ValueError)):
        with pytest.raises(error, match="debater_0"):
            raw.step(action)
    assert raw.agent_selection == "debater_0"  # nothing happened
    raw.step("")
    raw.step("bad \ud800 surrogate, \x00 control \x1b[31m, \u202eoverride")
    record = raw.record
    assert record is not None
    assert [e.reply.text for e in record.entries[:2]] == ["", "bad \ufffd surrogate,  control [31m, override"]
    raw.step(None)
    raw.step(None)
    with pytest.raises(RuntimeError, match="after the end"):
        raw.step("late")


@pytest.mark.parametrize(
    ("players", "message"),
    [
        ({"judge_0": 7}, r"players\['judge_0'\].*decide"),
        ({"judge_0": "gpt:x"}, "gpt"),
        ({"judge_1": Puppet()}, "no role 'judge_1'"),
        ({"debater_0": OracleJudge({})}, "lacks speak"),
        ({"judge_0": Puppet(), "debater_0": str, "debater_1": str.upper}, "lacks speak"),
    ],
)
def test_players_that_do_not_fit_are_refused(players: Any, message: str, things: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        debate_v0.env(task=things, players=players)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "quallity"}, "did you mean 'quality'"),
        ({"roundz": 2}, "did you mean 'rounds'"),
        ({"rounds": 0}, "rounds=0"),
        ({"turns": "both"}, "'simultaneous', 'sequential'"),
        ({"reward": "src2"}, "reward='src2'"),
        ({"quotes": False, "show": "quotes"}, "quotes=True"),
        ({"wording": "nope"}, "wording='nope'"),
    ],
)
def test_options_that_can_not_be_are_refused(options: Any, message: str, things: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        debate_v0.env(**{"task": things, **options})


def test_games_that_nobody_can_play_are_refused(things: Any, sums: Any) -> None:
    with pytest.raises(ValueError, match="has 0"):
        debate_v0.env(task=sums)
    with pytest.raises(ValueError, match=r"nobody to step.*rollout"):
        debate_v0.env(task=things, players=dict.fromkeys(Debate.roles, Puppet()))
    unchecked = copy.copy(sums)
    unchecked.checkable = False
    with pytest.raises(ValueError, match="no checker"):
        prover_verifier_v0.env(task=unchecked)
