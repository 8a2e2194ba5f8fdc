"""Many episodes at once: batching changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from oversight_envs import Record, Speech, Task, Turn, rollout
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
