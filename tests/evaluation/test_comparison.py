"""Conditions compared on the same questions, against numbers worked out by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_games import Questions, close, play, solve
from small_tasks import Things

from oversight_envs.core.record import Record
from oversight_envs.evaluation import Comparison, Evaluation
from oversight_envs.evaluation.comparison import gap_recovered
from oversight_envs.evaluation.decisions import score_differences
from oversight_envs.evaluation.statistics import holm, questions_needed, sign_flip_p
from oversight_envs.judges import CallableJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import Consultancy, Debate, Direct

TASK = Questions(8)
IDS = [question.id for question in TASK]


def odds(right: int) -> Mapping[str, float]:
    """Log-odds of 2 for the truth of the first ``right`` questions, against it on the others."""
    return {key: 2.0 if place < right else -2.0 for place, key in enumerate(IDS)}


def run(right: int, *, blind: int = 2, expert: int = 8, rounds: int = 1) -> Evaluation:
    return Evaluation(
        {
            "debate": play(Debate(rounds=rounds), TASK, odds(right)),
            "blind": play(Direct(), TASK, odds(blind)),
            "expert": play(Direct(expert=True), TASK, odds(expert)),
        }
    )


def test_gaps_and_differences_are_those_of_the_questions() -> None:
    comparison = Comparison({"short": run(5), "long": run(7, rounds=2)})
    short, long = comparison.conditions.values()
    assert (short.decisions.accuracy.value, long.decisions.accuracy.value) == (5 / 8, 7 / 8)
    close(short.over["blind"], 3 / 8)
    close(long.over["expert"], -1 / 8)
    assert short.recovered is not None
    close(short.recovered, 3 / 6)
    assert short.recovered.interval is not None
    close(short.score_difference, (5 * 2 - 3 * 2) / 8)  # a debate's is the log-odds of the truth
    assert short.score_difference_over_blind is not None
    close(short.score_difference_over_blind, 3 * 4 / 8)  # on three questions the blind judge says -2
    (difference,) = comparison.differences
    assert (difference.first, difference.second) == ("short", "long")
    assert difference.settings == ("config.rounds is 1 in the one and 2 in the other",)
    close(difference.accuracy, -2 / 8)
    close(difference.log_score, -2 / 8 * 2)
    assert difference.p == pytest.approx(2 / 4)  # two questions differ: 2 of the 4 signs are as extreme
    spread = np.array([0, 0, 0, 0, 0, -1, -1, 0]).std(ddof=1)
    assert difference.questions_needed == math.ceil((2.8015850 * spread / 0.05) ** 2)
    assert [part.question.id for part in comparison.parting()[:3]] == ["q5", "q6", "q0"]
    assert comparison.parting()[0].spread == pytest.approx(math.tanh(1))


def test_one_run_compares_its_conditions_and_the_order_of_records_is_nothing() -> None:
    one = run(5)
    comparison = Comparison({"run": one})
    assert list(comparison.conditions) == ["debate", "blind", "expert"]
    assert comparison.conditions["blind"].over == {}
    shuffled = Evaluation({name: list(records)[::-1] for name, records in one.conditions.items()})
    other = Comparison({"run": shuffled})
    assert repr(comparison.differences) == repr(other.differences)
    for name, condition in comparison.conditions.items():
        assert replace(condition, records=()) == replace(other.conditions[name], records=())


def test_a_difference_says_by_which_settings(things: Things) -> None:
    players = {
        "debater_0": "scripted:A",
        "debater_1": "scripted:A",
        "judge_0": CallableJudge(log_odds=lambda case: 1.0),
    }
    debate = rollout(Debate(), things, players)
    others = rollout(Debate(show="quotes"), things, players | {"debater_1": "scripted:B"}, seed=1)
    advice = rollout(Consultancy(), things, {"consultant_0": "scripted:A", "judge_0": players["judge_0"]})
    again = [replace(r, players={**r.players, "judge_0": {**r.players["judge_0"], "fingerprint": "x"}}) for r in debate]
    first = [replace(r, players={**r.players, "judge_0": {**r.players["judge_0"], "fingerprint": "y"}}) for r in debate]

    def settings(a: list[Record], b: list[Record]) -> tuple[str, ...]:
        return Comparison({"a": Evaluation({"a": a}), "b": Evaluation({"b": b})}).differences[0].settings

    show, speaker = settings(debate, others)
    assert show == "config.show is 'all' in the one and 'quotes' in the other"
    assert speaker.startswith("players.debater_1.script")
    assert settings(debate, advice) == ("protocol is 'debate' in the one and 'consultancy' in the other",)
    assert settings(first, again) == ("players.judge_0 differs in code, settings or weights",)
    assert settings(debate, rollout(Debate(), things, players, seed=1)) == ()


def test_only_shared_questions_count() -> None:
    part = Evaluation({"debate": list(run(8).conditions["debate"])[:4]})
    comparison = Comparison({"all": run(5), "part": part})
    assert comparison.shared == {"q0", "q1", "q2", "q3"}
    assert comparison.conditions["all"].decisions.accuracy.value == 1.0
    assert (comparison.conditions["all"].left_out, comparison.conditions["part"].left_out) == (4, 0)
    assert comparison.conditions["part"].recovered is None


def test_the_gap_recovered_is_undefined_where_there_may_be_no_gap() -> None:
    comparison = Comparison({"one": run(5, blind=7), "other": run(7, rounds=2)})
    assert comparison.conditions["one"].recovered is not None
    assert comparison.conditions["one"].recovered.value is None
    zeros, ones = ([(key, value) for key in IDS] for value in (0.0, 1.0))
    assert gap_recovered(zeros, ones, zeros).value is None
    assert gap_recovered([], [], []).value is None


def test_a_consultancy_has_a_score_difference_where_both_sides_were_played() -> None:
    games = play(Consultancy(), TASK, odds(5), sides="both")
    right, wrong = math.log(1 / (1 + math.exp(-2))), math.log(1 / (1 + math.exp(2)))
    found = dict(score_differences(games))
    # told 2 for the truth whoever argues: the honest consultant scores ``right``, the dishonest one ``wrong``
    assert found == {key: pytest.approx(right - wrong if k < 5 else wrong - right) for k, key in enumerate(IDS)}
    one_side = [record for record in games if record.correct["consultant_0"]]
    assert len(one_side) == 8
    assert score_differences(one_side) == []


def test_p_values_are_exact_for_few_questions() -> None:
    values = np.array([0.3, -0.1, 0.5, 0.2])
    means = [abs(np.mean(values * signs)) for signs in itertools.product((-1, 1), repeat=4)]
    assert sign_flip_p(values) == pytest.approx(np.mean([m >= abs(values.mean()) - 1e-12 for m in means]))
    assert sign_flip_p(np.zeros(5)) == 1.0
    assert sign_flip_p(np.ones(1)) is None
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert questions_needed(np.zeros(5)) is None


def test_what_can_not_be_compared_is_refused(tmp_path: Path) -> None:
    one = run(5)
    alone = Evaluation({"debate": one.conditions["debate"]})
    with pytest.raises(ValueError, match="two conditions or more, and here is debate"):
        Comparison({"run": alone})
    with pytest.raises(ValueError, match="a and b hold the same episodes"):
        Comparison({"a": one, "b": alone})
    others = Questions(8)
    others._questions = [replace(question, id=f"other {question.id}") for question in others]
    elsewhere = play(Debate(), others, {question.id: 1.0 for question in others})
    with pytest.raises(ValueError, match=r"no question was decided in all of these.*a decided 8, b decided 8"):
        Comparison({"a": one, "b": Evaluation({"debate": elsewhere})})
    with pytest.raises(ValueError, match="question 'q0' of a is another one in b"):
        Comparison({"a": one, "b": Evaluation({"debate": [_asking_else(r) for r in one.conditions["debate"]]})})
    with pytest.raises(ValueError, match="b: there is no finished episode in which someone decides"):
        Comparison({"a": one, "b": Evaluation({"pv": solve(lambda solution: 0.1, ["Answer: 1"])})})
    mixed = [*one.conditions["debate"], *play(Debate(rounds=2), TASK, odds(3))]
    with pytest.raises(ValueError, match=r"played in different ways: config\.rounds"):
        _ = Comparison({"a": one, "b": Evaluation({"debate": mixed})}).conditions
    file = tmp_path / "a.jsonl"
    file.write_text("".join(record.to_json() + "\n" for record in one.conditions["debate"]))
    with pytest.raises(ValueError, match="is given twice"):
        Comparison.load([file, tmp_path / "x" / ".." / "a.jsonl"])


def _asking_else(record: Record) -> Record:
    return replace(record, question=replace(record.question, text="Who had it before?"))
