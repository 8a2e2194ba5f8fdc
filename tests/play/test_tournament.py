"""Tournaments: who meets whom, on both sides, kept in files; what can't be played is refused early."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tournament_players import STORIES, debater, judge, known_order

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.players import PlayerError
from oversight_envs.evaluation import rate
from oversight_envs.play import tournament
from oversight_envs.protocols import Consultancy, Debate, ProverVerifier

JUDGE = {"judge_0": judge()}


def play(agents: Any, out: Path, **options: Any) -> Any:
    return tournament(Debate(), STORIES, agents, JUDGE, **{"out": out, "questions": 3, **options})


def test_everybody_meets_everybody_on_both_sides(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    played = play(known_order(4), tmp_path, on_record=lambda *news: told.append(news))
    assert len({frozenset(pairing.seats.values()) for pairing in played}) == 6
    assert len({tuple(pairing.seats.values()) for pairing in played}) == len(played) == 12
    for pairing in played:
        assert len(pairing.records) in (2, 4)  # of three questions, by turns
        for one, twin in zip(pairing.records[::2], pairing.records[1::2], strict=True):
            assert one.question == twin.question
            assert one.assigned.sides["debater_0"] == twin.assigned.sides["debater_1"]
    assert told[-1][1:] == (36, 36)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert len(list(tmp_path.glob("*-vs-*.jsonl"))) == 12


def test_it_goes_on_where_it_was_and_one_more_agent_plays_its_own_games_only(tmp_path: Path) -> None:
    agents, calls = known_order(3), []
    speak = ScriptedAgent.speak

    def counted(self: Any, turns: Any) -> Any:
        calls.append(len(turns))
        return speak(self, turns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedAgent, "speak", counted)
        first = play(agents, tmp_path, reuse=True)
        assert sum(calls) == 3 * 6 * 2
        calls.clear()
        again = play(agents, tmp_path, reuse=True)
        assert calls == []
        more = play({"late": debater(0.5), **agents}, tmp_path, reuse=True)
        assert sum(calls) == 3 * 6 * 2
    assert [pairing.records for pairing in again] == [pairing.records for pairing in first]
    seatings = [pairing.seats for pairing in more]
    assert all(pairing.seats in seatings for pairing in first)


def test_both_seats_and_self_play(tmp_path: Path) -> None:
    played = play(known_order(2), tmp_path, seats="both", self_play=True)
    assert [tuple(pairing.seats.values()) for pairing in played] == [
        ("p0.05", "p0.95"),
        ("p0.95", "p0.05"),
        ("p0.05", "p0.05"),
        ("p0.95", "p0.95"),
    ]


@pytest.mark.parametrize(("count", "rounds"), [(6, 3), (5, 3), (2, 1)])
def test_swiss_pairs_by_standing_and_never_twice(count: int, rounds: int, tmp_path: Path) -> None:
    agents = known_order(count)
    played = play(agents, tmp_path / "a", schedule="swiss", rounds=rounds, seed=4)
    pairs = {frozenset(pairing.seats.values()) for pairing in played}
    assert len(pairs) == count // 2 * rounds
    assert len(played) == 2 * len(pairs)
    met = Counter(name for pair in pairs for name in pair)
    assert all(rounds - 1 <= met[name] <= rounds for name in agents)
    backwards = dict(reversed(agents.items()))
    again = play(backwards, tmp_path / "b", schedule="swiss", rounds=rounds, seed=4, concurrency=1)
    assert [pairing.seats for pairing in again] == [pairing.seats for pairing in played]
    assert [r.rewards for p in again for r in p.records] == [r.rewards for p in played for r in p.records]


def test_swiss_lets_winners_meet(tmp_path: Path) -> None:
    sure = {name: debater(p) for name, p in (("a", 0.0), ("b", 1.0), ("c", 0.0), ("d", 1.0))}
    for seed in range(4):
        played = play(sure, tmp_path / str(seed), schedule="swiss", rounds=2, seed=seed)
        first, second, *later = dict.fromkeys(frozenset(pairing.seats.values()) for pairing in played)
        winners = {max(pair, key=lambda name: name in "bd") for pair in (first, second)}
        if winners == {"b", "d"}:
            assert winners in later
            return
    raise AssertionError("no seed let b and d play others first")


def test_failed_games_are_recorded_and_played_again(tmp_path: Path) -> None:
    def fails(turn: Any) -> str:
        raise PlayerError("no voice today")

    agents = {"well": debater(1.0), "other": debater(0.5), "ill": ScriptedAgent(fails)}
    played = play(agents, tmp_path, questions=2, on_failure="record")
    assert sum(record.failed is not None for pairing in played for record in pairing.records) == 8
    with pytest.raises(ValueError, match=r"no chain of finished games connects these: ill \| other, well"):
        rate(played)


def test_what_cannot_be_played_is_refused_early(tmp_path: Path) -> None:
    one, two = debater(0.1), debater(0.9)
    both = {"one": one, "two": two}
    refused: list[tuple[Any, dict[str, Any], str]] = [
        ({"one": one}, {}, "a tournament of one: give at least two"),
        ({}, {}, "a tournament of nobody"),
        ({"one": one, "again": one}, {}, "'one' and 'again' are the same player"),
        ({"x": "scripted:x", "y": "scripted:x"}, {}, "'x' and 'y' are the same player"),
        ({"one": one, "ONE": two}, {}, "differ in the case"),
        (both, {"rounds": 2}, "rounds are for schedule='swiss'"),
        (both, {"schedule": "swiss", "rounds": 2}, "for 2 agents at most 1"),
        (both, {"schedule": "knockout"}, "schedule='knockout': choose one of"),
        ({"one": one, "two": "oracle"}, {}, r"agents\['two'\]: an oracle judges"),
    ]
    for agents, options, says in refused:
        with pytest.raises(ValueError, match=says):
            play(agents, tmp_path / "none", **options)
    with pytest.raises(ValueError, match="between two who argue"):
        tournament(Consultancy(), STORIES, both, JUDGE, out=tmp_path / "none", questions=1)
    with pytest.raises(ValueError, match="draws no sides"):
        tournament(ProverVerifier(), "arithmetic", both, {"verifier_0": "oracle"}, out=tmp_path / "none", questions=1)
    with pytest.raises(ValueError, match="nobody plays judge_0"):
        tournament("debate", STORIES, both, {}, out=tmp_path / "none", questions=1)
    with pytest.raises(ValueError, match="debater_1 is what the agents play"):
        tournament("debate", STORIES, both, {**JUDGE, "debater_1": one}, out=tmp_path / "none", questions=1)
    assert not (tmp_path / "none").exists()


def test_names_are_safe_as_files(tmp_path: Path) -> None:
    play({"../up": debater(0.1), "a/b c": debater(0.9)}, tmp_path / "in", questions=1)
    (file,) = (tmp_path / "in").glob("*.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert "-vs-" in file.name
