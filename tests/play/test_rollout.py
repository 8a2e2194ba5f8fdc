"""Many episodes at once: batching changes nothing."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tasks import Things

from oversight_envs import Case, Question, Record, Speech, Task, Turn, Verdict, debate_v0, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.models import PromptTooLong
from oversight_envs.protocols import Debate, ProverVerifier
from oversight_envs.testing import Puppet


def puppets(protocol: Any) -> dict[str, Any]:
    return dict.fromkeys(protocol.roles, Puppet())


def plain(records: Sequence[Record]) -> list[str]:
    return [replace(record, timings={}).to_json() for record in records]


def test_results_do_not_depend_on_batch_size_or_order(things: Task, sums: Task) -> None:
    for protocol, task in ((Debate(rounds=2, both_orders=True), things), (ProverVerifier(), sums)):
        players = puppets(protocol)
        together = rollout(protocol, task, players, samples=3, seed=7)
        assert len(together) == 3 * len(task)
        assert plain(rollout(protocol, task, players, samples=3, seed=7, concurrency=1)) == plain(together)
        questions = task.sample(seed=7)[::-1]
        backwards = rollout(protocol, task, players, questions=questions, samples=3, seed=7, concurrency=2)
        assert sorted(plain(backwards)) == sorted(plain(together))
        assert plain(rollout(protocol, task, players, samples=3, seed=8)) != plain(together)


def test_one_call_serves_everyone_who_waits_for_the_same_player(things: Task) -> None:
    sizes: list[int] = []

    class Counted(Puppet):
        def speak(self, turns: Sequence[Turn]) -> list[Speech]:
            sizes.append(len(turns))
            return super().speak(turns)

    debater = Counted()
    rollout(Debate(), things, {"debater_0": debater, "debater_1": debater, "judge_0": Puppet()}, samples=2)
    assert sizes == [16]  # both debaters of eight debates


def test_rollout_refuses_bad_arguments(things: Task) -> None:
    players = puppets(Debate())
    for arguments, message in (
        ({"players": {"judge_0": Puppet()}}, "nobody plays debater_0, debater_1"),
        ({"questions": 5}, r"count=5.*4 questions"),
        ({"samples": 0}, "samples=0"),
        ({"questions": [things[0], things[0]]}, "one question twice"),
    ):
        with pytest.raises(ValueError, match=message):
            rollout(Debate(), things, **{"players": players, **arguments})


class ShortSighted(Puppet):
    """Can't read a prompt in which somebody said too much."""

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        if any("on and on" in case.prompt[-1].content for case in cases):
            raise PromptTooLong("a prompt of 9,000 tokens exceeds the 512 that this model can read")
        return super().decide(cases)


def talkative(turn: Turn) -> str:
    return "on and on" if turn.question_id == "key" and turn.role == "debater_1" else "It is so."


def test_one_speech_too_long_for_the_judge_ends_its_own_episode_only(things: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    players = {"debater_0": Puppet(), "debater_1": ScriptedAgent(talkative), "judge_0": ShortSighted()}
    records = rollout(Debate(), things, players, path=path)
    (cut,) = (record for record in records if record.outcome is None)
    assert cut.question.id == "key"
    assert cut.truncated is not None
    assert cut.truncated.startswith("judge_0: PromptTooLong: a prompt of 9,000 tokens")
    assert len(cut.transcript) == 2
    assert rollout(Debate(), things, players, path=path) == records  # it is kept, and not played again
    copied = pickle.loads(pickle.dumps(cut.episode(Debate())))
    assert copied.truncated == cut.truncated
    env = debate_v0.raw_env(task=things, players={"judge_0": ShortSighted()})
    env.reset(seed=0, options={"question": 0})
    for _ in range(2):
        env.step("on and on")
    assert env.truncations == {"debater_0": True, "debater_1": True}
    assert "9,000 tokens" in env.infos["debater_0"]["truncated"]


def test_a_question_too_long_for_the_first_speaker_is_the_callers_to_mend(things: Task) -> None:
    class Blinkered(Puppet):
        def speak(self, turns: Sequence[Turn]) -> list[Speech]:
            raise PromptTooLong("the passage does not fit")

    with pytest.raises(PromptTooLong, match="does not fit"):
        rollout(Debate(), things, dict.fromkeys(Debate.roles, Blinkered()))


def test_a_question_that_cannot_be_played_is_named_before_anything_is_played(things: Task) -> None:
    three = Question("odd", "Which?", ("a", "b", "c"), "a, b, c", 0)

    class Never(Puppet):
        def speak(self, turns: Sequence[Turn]) -> list[Speech]:
            raise AssertionError

    with pytest.raises(ValueError, match="'odd' has 3"):
        rollout(Debate(), things, dict.fromkeys(Debate.roles, Never()), questions=[*things, three])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "3"}, "seed='3': give a whole number"),
        ({"seed": 2.0}, "seed=2.0: give a whole number"),
        ({"seed": True}, "seed=True: give a whole number"),
        ({"seed": None}, "seed=None: give a whole number"),
        ({"samples": "3"}, "samples='3'"),
        ({"concurrency": 2.5}, "concurrency=2.5"),
        ({"questions": 2.0}, "questions=2.0: give a whole number"),
        ({"questions": True}, "questions=True: give a whole number"),
        ({"questions": "2"}, "questions='2': give a whole number"),
        ({"reuse": "yes"}, "reuse='yes': choose one of"),
        ({"questions": []}, "questions is empty"),
        ({"questions": ["key"]}, "questions holds 'key': give Questions"),
        ({"task": "debates"}, "debates"),
        ({"task": Things}, "give a task"),
        ({"protocol": "debat"}, "debat"),
        ({"protocol": Debate}, "give a game"),
        ({"players": {"judge_0": Puppet}}, r"give an instance, Puppet\(\)"),
        ({"reward": "logits"}, "reward='logits'"),
    ],
)
def test_bad_arguments_are_named(things: Task, options: dict[str, Any], message: str) -> None:
    given = {"protocol": Debate(), "task": things, "players": puppets(Debate())} | options
    with pytest.raises((ValueError, TypeError), match=message):
        rollout(given.pop("protocol"), given.pop("task"), given.pop("players"), **given)


def test_numpy_numbers_are_numbers(things: Task) -> None:
    expected = rollout(Debate(), things, puppets(Debate()), questions=2, samples=2, seed=3)
    found = rollout(Debate(), things, puppets(Debate()), questions=np.int64(2), samples=np.int32(2), seed=np.uint8(3))  # type: ignore[arg-type]
    assert plain(found) == plain(expected)
