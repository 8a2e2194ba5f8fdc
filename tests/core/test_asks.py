"""What players are handed: plain data, without the truth, and without a way to the episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from small_tasks import Things

from oversight_envs import Assignment, Case, Episode, Question, Turn, Verdict, rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.protocols import Consultancy, Debate, ProverVerifier
from oversight_envs.testing import reachable

EVEN = Verdict((-0.6931471805599453, -0.6931471805599453))


class Spy:
    """Looks, in everything it is handed, for the truth, the passage and a way to answer for another."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Any]] = []

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        self._look(turns)
        return ["I concede." for _ in turns]

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        self._look(cases)
        return [EVEN for _ in cases]

    def _look(self, asks: Sequence[Any]) -> None:
        for ask in asks:
            self.found += reachable(ask)


def test_a_judge_finds_neither_truth_nor_passage() -> None:
    spy = Spy()
    debater = ScriptedAgent(["It is so."])
    rollout(Debate(), Things(), {"debater_0": debater, "debater_1": debater, "judge_0": spy})
    assert len(spy.found) > 20
    passages = [question.passage for question in Things()]
    for path, thing in spy.found:
        assert not isinstance(thing, (Question, Episode)), path
        assert not any(isinstance(thing, str) and passage in thing for passage in passages), path


def test_a_judge_that_speaks_finds_no_passage_either() -> None:
    spy = Spy()
    game = Consultancy(rounds=2, judge_asks=True)
    rollout(game, Things(), {"consultant_0": ScriptedAgent(["It is so."]), "judge_0": spy})
    passages = [question.passage for question in Things()]
    assert not [path for path, thing in spy.found if isinstance(thing, str) and any(p in thing for p in passages)]


def test_a_debater_finds_no_truth_and_can_not_speak_for_its_opponent() -> None:
    spy = Spy()
    records = rollout(Debate(), Things(), {"debater_0": spy, "debater_1": ScriptedAgent(["Mine."]), "judge_0": spy})
    assert not [path for path, thing in spy.found if isinstance(thing, Question) and thing.truth is not None]
    assert not [path for path, thing in spy.found if isinstance(thing, Episode)]
    assert all(record.transcript[1].text == "Mine." for record in records)


def test_what_is_done_with_a_look_ahead_leaves_the_episode_alone() -> None:
    episode = Episode(Debate(rounds=2), Things()[0], 3)
    first, second = episode.asks
    assert isinstance(first, Turn)
    branch = first.ahead.branch()
    assert branch.question.truth is None
    for ask in branch.asks:
        branch.answer(ask, "forged")
    assert episode.log == ()
    episode.answer(first, "One.")
    assert first.ahead.branch().log == ()  # not even what was said at this very turn
    episode.answer(second, "Two.")
    with pytest.raises(RuntimeError, match="has gone on since this turn"):
        first.ahead.branch()


def test_a_look_ahead_shows_no_private_notes_of_others() -> None:
    episode = Episode(Debate(rounds=2, scratchpad=True), Things()[0], 3)
    for ask in episode.asks:
        episode.answer(ask, f"<scratchpad>{ask.role} knows better</scratchpad> It is so.")
    mine = episode.asks[0]
    texts = [thing for _, thing in reachable(mine) if isinstance(thing, str)]
    assert any("debater_0 knows better" in text for text in texts)
    assert not any("debater_1 knows better" in text for text in texts)
    branch = mine.ahead.branch()
    assert [s.text.strip() for s in branch.transcript] == ["It is so.", "It is so."]
    assert [s.notes for s in branch.transcript] == ["debater_0 knows better", ""]


def test_a_turn_says_what_its_role_may_know_of_the_assignment() -> None:
    episode = Episode(Debate(rounds=2), Things()[1], 5)
    for ask in episode.asks:
        assert isinstance(ask, Turn)
        assert ask.argues_for == Things()[1].options[episode.assigned.sides[ask.role]]
        assert (ask.honest, ask.number, ask.passage) == (None, 0, Things()[1].passage)
    for ask in episode.asks:
        episode.answer(ask, "So.")
    assert [ask.number for ask in episode.asks if isinstance(ask, Turn)] == [1, 1]
    problem = Question("sum", "What is 1 + 1?", truth="2")
    told = {ask.role: ask.honest for ask in Episode(ProverVerifier(), problem, 1).asks if isinstance(ask, Turn)}
    assert told == {"helpful_0": True, "sneaky_0": False}


def test_facts_are_live_and_survive_being_cut_off() -> None:
    episode = Episode(Debate(rounds=2), Things()[0], 3)
    assert isinstance(episode.assigned, Assignment)
    assert set(episode.assigned.sides) == {"debater_0", "debater_1"}
    first, second = episode.asks
    episode.answer(first, "One.")
    assert episode.transcript == ()  # what is said at once enters together
    episode.answer(second, "Two.")
    assert [s.text for s in episode.transcript] == ["One.", "Two."]
    episode.answer(episode.asks[0], "Three.")
    episode.fail("the server is gone")
    assert [s.text for s in episode.transcript] == ["One.", "Two.", "Three."]
    assert (episode.done, episode.asks, episode.failed) == (True, (), "the server is gone")


def test_a_reply_that_can_not_be_one_changes_nothing() -> None:
    episode = Episode(Debate(), Things()[0], 3)
    for reply in (None, 0.5, EVEN, "x" * 100_001):
        with pytest.raises((TypeError, ValueError)):
            episode.answer(episode.asks[0], reply)  # type: ignore[arg-type]
        assert len(episode.asks) == 2
    for ask in episode.asks:
        episode.answer(ask, "So.")
    for verdict in (0.3, Verdict((-0.1, -0.1)), Verdict((float("nan"), 0.0)), Verdict((0.0,))):
        with pytest.raises((TypeError, ValueError), match=r"judge_0|probabilit"):
            episode.answer(episode.asks[0], verdict)  # type: ignore[arg-type]
        assert [ask.role for ask in episode.asks] == ["judge_0"]
