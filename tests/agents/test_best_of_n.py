"""Best-of-N keeps what its judge likes best, and hears nobody who speaks at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from oversight_envs import Episode, Record, Speech, Task, rollout
from oversight_envs.agents import BestOfNAgent, ScriptedAgent
from oversight_envs.core.prompt import MAX_TEXT
from oversight_envs.judges import CallableJudge
from oversight_envs.judges.ranking import RankingJudge
from oversight_envs.play import drive
from oversight_envs.protocols import Debate, ProverVerifier
from oversight_envs.testing import Puppet


def puppets(protocol: Any) -> dict[str, Any]:
    return dict.fromkeys(protocol.roles, Puppet())


def length_judge(sign: float = 1.0) -> CallableJudge:
    """Believes (or scores) whoever says more."""

    def log_odds(case: Any) -> float:
        said = {"A": 0, "B": 0}
        for speech in case.prompt[-1].content.split("\nDebater ")[1:]:
            said[speech[0]] += len(speech)
        return sign * (said["A"] - said["B"]) / 100

    return CallableJudge(log_odds=log_odds, scores=lambda solution: sign * len(solution.text) / 10)


def test_best_of_n_keeps_what_its_judge_likes_best(things: Task, sums: Task) -> None:
    for protocol, task, role in ((Debate(rounds=2), things, "debater_1"), (ProverVerifier(), sums, "sneaky_0")):
        best = BestOfNAgent(Puppet(), length_judge(), 4)
        records = rollout(protocol, task, puppets(protocol) | {role: best})
        for record in records:
            for entry in record.entries:
                if entry.role == role and isinstance(entry.reply, Speech):
                    assert entry.reply.info["best_of"] == 4
                    assert len(set(entry.reply.info["values"])) > 1
        worst = BestOfNAgent(Puppet(), length_judge(-1.0), 4)
        shorter = rollout(protocol, task, puppets(protocol) | {role: worst})

        def words(rows: list[Record], role: str = role) -> int:
            return sum(len(e.reply.text) for r in rows for e in r.entries if e.role == role)

        assert words(records) > words(shorter)


def test_best_of_n_says_the_same_alone_in_any_order_and_again(things: Task) -> None:
    best = BestOfNAgent(Puppet(), length_judge(), 3)
    players = {"debater_0": best, "debater_1": best, "judge_0": Puppet()}
    together = said(rollout(Debate(rounds=2), things, players))
    assert said(rollout(Debate(rounds=2), things, players, concurrency=1)) == together
    assert said(rollout(Debate(rounds=2), things, players, questions=things.sample()[::-1])) == together
    assert said(rollout(Debate(rounds=2), things, players)) == together
    assert len(together) == 4 * 4
    assert all(len(speech.text) <= MAX_TEXT and speech.info["best_of"] == 3 for speech in together.values())


def said(records: list[Record]) -> dict[tuple[str, int], Speech]:
    return {
        (record.question.id, entry.index): entry.reply
        for record in records
        for entry in record.entries
        if isinstance(entry.reply, Speech)
    }


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_n_is_a_number_of_speeches(n: Any) -> None:
    with pytest.raises(ValueError, match="n="):
        BestOfNAgent(Puppet(), length_judge(), n)


def test_best_of_n_does_not_hear_who_speaks_at_the_same_time(things: Task) -> None:
    best, values = BestOfNAgent(Puppet(), length_judge(), 4), []
    for heard in (None, "", "so much was said before " * 9):
        episode = Episode(Debate(), things[0], seed=0)
        players: dict[str, Any] = {"debater_1": best}
        if heard is None:  # both are asked before either has answered
            players["debater_0"] = ScriptedAgent(["It is so."])
        else:
            episode.answer(episode.asks[0], heard)
        list(drive([(episode, players)]))
        assert [ask.role for ask in episode.asks] == ["judge_0"]
        values.append(episode.log[1].reply.info["values"])
    assert values[0] == values[1] == values[2]
    assert len(set(values[0])) > 1


class Draws:
    """Says which draw it is for whom."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def speak(self, turns: Any) -> list[str]:
        self.asked += [(turn.role, turn.draw) for turn in turns]
        return [f"{turn.role} draw {turn.draw} of {turn.seed}" for turn in turns]


def test_candidates_are_valued_against_one_independent_draw_of_the_opponent(things: Task) -> None:
    cases = []

    def log_odds(case: Any) -> float:
        cases.append(case.prompt[-1].content)
        return float(len(cases))

    opponent = Draws()
    best = BestOfNAgent(Puppet(), CallableJudge(log_odds=log_odds), 4, opponent=opponent)
    for protocol, rounds, draws in (
        (Debate(), 1, 1),
        (Debate(rounds=2), 2, 2),
        (Debate(turns="sequential"), 1, 4),  # who speaks second hears the candidate: one draw for each
    ):
        cases.clear()
        opponent.asked.clear()
        episode = Episode(protocol, things[0], seed=0)
        list(drive([(episode, {"debater_0": best, "debater_1": Draws()})]))
        assert len(episode.log[0].reply.info["values"]) == 4
        assert opponent.asked == [("debater_1", -1)] * draws
        assert len(cases) == 4 * rounds
        assert all("debater_1 draw -1" in case for case in cases)
        assert not any("debater_1 draw 0" in case for case in cases[:4])  # what it says in the episode itself
    assert best.description["opponent"]
    assert "opponent" not in BestOfNAgent(Puppet(), length_judge(), 4).description
    with pytest.raises(TypeError, match="opponent=7"):
        BestOfNAgent(Puppet(), length_judge(), 4, opponent=7)
    with pytest.raises(ValueError, match="opponent"):
        BestOfNAgent(Puppet(), RankingJudge(Puppet()), 4, opponent=Puppet())
