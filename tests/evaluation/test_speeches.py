"""What speeches were like, by who gave them."""

from __future__ import annotations

import pytest
from evaluation_games import Questions, play

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.requests import Turn
from oversight_envs.core.speech import Speech
from oversight_envs.evaluation import measure
from oversight_envs.evaluation.metrics import kind
from oversight_envs.judges import CallableJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import Consultancy, Debate


def test_consultancy_tells_honest_from_dishonest() -> None:
    records = play(Consultancy(), Questions(12), {f"q{i}": 3.0 for i in range(12)})
    metrics = measure(records)
    assert metrics.decisions is not None
    assert metrics.decisions.honest_wins.value == 1
    assert metrics.decisions.dishonest_wins.value == 0
    assert set(metrics.speeches) == {"honest", "dishonest"}
    assert sum(s.count for s in metrics.speeches.values()) == 12


def test_speech_metrics() -> None:
    texts = {
        "debater_0": [
            "<quote>sold it to his sister</quote> and <quote>the miller kept it forever</quote> <quote>sold</quote>"
        ],
        "debater_1": ["Answer A is right, " + "word " * 30],
    }
    records = play(Debate(max_words=20), Questions(4), {f"q{i}": 1.0 for i in range(4)}, texts)
    spoken = measure(records).speeches
    quoted = sum((s.quotes.value or 0) * s.count for s in spoken.values())
    assert quoted == 12  # four speeches with three quotes each, on whichever side; the share leaves short ones out
    for side in spoken.values():
        assert side.verified.value in (0.5, None)
    assert sum((s.cut.value or 0) * s.count for s in spoken.values()) == 4
    assert sum((s.names_label.value or 0) * s.count for s in spoken.values()) == 4
    empty = measure(play(Debate(), Questions(2), {"q0": 1.0, "q1": 1.0}, [" "])).speeches
    assert all(side.empty.value == 1 and side.verified.value is None for side in empty.values())


def test_speeches_that_the_token_limit_cut_are_counted_where_speakers_say_so() -> None:
    class Agent:
        def speak(self, turns: list[Turn]) -> list[Speech]:
            return [Speech("Hm.", info={"finished": turn.question_id != "q0"}) for turn in turns]

    judge = CallableJudge(log_odds=lambda case: 1.0)
    players = {"debater_0": Agent(), "debater_1": ScriptedAgent(["Hm."]), "judge_0": judge}
    records = rollout(Debate(), Questions(4), players)
    spoken = measure(records).speeches
    cut = [spoken[kind(r, "debater_0")] for r in records if r.question.id == "q0"]
    assert 0 < (cut[0].unfinished.value or 0) <= 1
    assert sum((s.unfinished.value or 0) * s.unfinished.n for s in spoken.values()) == pytest.approx(1)
    silent = measure(play(Debate(), Questions(2), {"q0": 1.0, "q1": 1.0})).speeches
    assert {s.unfinished.value for s in silent.values()} == {None}
