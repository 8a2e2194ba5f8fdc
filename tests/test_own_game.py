"""A user's game: two provers, a decider of another name who decides twice, a payoff of its own. In about 25 lines."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from small_tasks import Things

from oversight_envs import (
    Assignment,
    Decide,
    Message,
    Outcome,
    Protocol,
    Record,
    Role,
    Say,
    Truncated,
    Verdict,
    View,
    quote_lines,
    rollout,
)
from oversight_envs.agents import ReplayAgent, ScriptedAgent
from oversight_envs.core.rewards import get_rule, rule_name
from oversight_envs.env import OversightEnv
from oversight_envs.evaluation import Evaluation, measure
from oversight_envs.report.report import render_report
from oversight_envs.testing import check_env, check_protocol


def moved(records):
    """Pays each prover by how far it moved Arthur from his first decision to his last."""
    rows = []
    for record in records:
        first, last = (decision.verdict.probabilities for decision in record.decisions)
        rows.append({role: last[side] - first[side] for role, side in record.assigned.sides.items()})
    return rows


@dataclass(frozen=True, kw_only=True)
class MerlinMorgana(Protocol):
    name: ClassVar = "merlin_morgana"
    reward: ClassVar = moved
    roles: ClassVar = {
        "merlin_0": Role("merlin", {"say"}, expert=True),
        "morgana_0": Role("morgana", {"say"}, expert=True),
        "arthur_0": Role("arthur", {"decide"}),
    }

    def assign(self, question, rng):
        side = int(rng.integers(2))
        return Assignment(sides={"merlin_0": side, "morgana_0": 1 - side}, order=(0, 1))

    def play(self, question, assigned, rng):
        page = f"{question.text} A: {question.options[0]} B: {question.options[1]}"
        yield Decide("arthur_0", (View((Message("user", page),), (0, 1)),), question.options)
        brief = Message("user", f"{question.passage}\n{page}")
        said = yield Say(dict.fromkeys(assigned.sides, (brief,)))
        page += "".join(f"\n{role} says:\n{quote_lines(s.text)}" for role, s in said.items())
        yield Decide("arthur_0", (View((Message("user", page),), (0, 1)),), question.options)


class Arthur:
    """Even before anyone has spoken, then 3 to 1 for A."""

    def decide(self, cases):
        return [Verdict((math.log(0.75), math.log(0.25)) if "says:" in c.prompt[0].content else (-math.log(2),) * 2)
                for c in cases]  # fmt: skip


PLAYERS = {
    "merlin_0": ScriptedAgent(["It is so."]),
    "morgana_0": ScriptedAgent(["It is not."]),
    "arthur_0": Arthur(),
}


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return rollout(MerlinMorgana(), Things(), PLAYERS)


def test_both_decisions_are_kept_and_both_earn(records: list[Record]) -> None:
    for record in records:
        assert [d.role for d in record.decisions] == ["arthur_0", "arthur_0"]
        assert [d.index for d in record.decisions] == [0, 3]
        first = record.assigned.sides["merlin_0"] == 0
        assert record.rewards["merlin_0"] == pytest.approx(0.25 if first else -0.25)
        assert record.rewards["morgana_0"] == pytest.approx(-record.rewards["merlin_0"])
        truth = math.log(0.75 if record.question.truth == 0 else 0.25)
        assert record.rewards["arthur_0"] == pytest.approx((math.log(0.5) + truth) / 2)
        assert record.rule == f"{__name__}:moved"


def test_its_own_payoff_is_the_default_and_is_found_by_name(records: list[Record]) -> None:
    assert get_rule(None, MerlinMorgana()) is moved
    assert rule_name(get_rule("win", MerlinMorgana())) == "win"
    assert get_rule(f"{moved.__module__}:moved", MerlinMorgana()).__name__ == "moved"
    assert rollout(MerlinMorgana(), Things(), PLAYERS, reward=moved)[0].rewards == records[0].rewards


def test_report_and_metrics_ask_the_role_not_its_name(records: list[Record]) -> None:
    metrics = measure(records)
    assert list(metrics.judges) == ["arthur_0"]
    assert metrics.decisions is not None
    assert metrics.decisions.accuracy.value == 0.5  # A is right in two of the four questions
    assert set(metrics.speeches) == {"honest", "dishonest"}
    page = render_report([Evaluation({"merlin_morgana": records})])
    assert page.count("arthur_0 decides") == 2 * len(records)
    assert "It is so." in page
    assert "judge_0 decides" not in page


def test_it_replays_and_conforms(records: list[Record]) -> None:
    again = rollout(MerlinMorgana(), Things(), dict.fromkeys(MerlinMorgana.roles, ReplayAgent(records)))
    for old, new in zip(records, again, strict=True):
        assert (new.entries, new.decisions, new.transcript) == (old.entries, old.decisions, old.transcript)
        episode = Record.from_json(old.to_json()).episode(MerlinMorgana(), upto=2)
        for twin in (copy.deepcopy(episode), pickle.loads(pickle.dumps(episode))):
            assert twin.decisions == old.decisions[:1]
            assert [ask.role for ask in twin.asks] == ["morgana_0"]
    check_protocol(MerlinMorgana(), Things())
    check_env(lambda: OversightEnv(MerlinMorgana(), Things()))


def test_an_agent_called_arthur_earns_its_log_score_in_env_step() -> None:
    env = OversightEnv(MerlinMorgana(), Things(), players={r: PLAYERS[r] for r in ("merlin_0", "morgana_0")})
    env.reset(seed=0, options={"question": 0})
    for action in ("0.5", "A: 0.8, B: 0.2"):
        assert env.agent_selection == "arthur_0"
        env.step(action)
    right = 0.8 if Things()[0].truth == 0 else 0.2
    assert env.rewards["arthur_0"] == pytest.approx((math.log(0.5) + math.log(right)) / 2)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (lambda records: [{"merlin_0": 1.0} for _ in records], "forgets morgana_0"),
        (lambda records: [{"merlin_0": 1.0, "morgana_0": float("nan")} for _ in records], "morgana_0 is nan"),
        (lambda records: [{"merlin_0": 1.0, "morgana_0": 0.0, "mordred_0": 0.0} for _ in records], "'mordred_0'"),
        (lambda records: [{"merlin_0": 1.0, "morgana_0": "a lot"} for _ in records], "'a lot'"),
        (lambda records: [], "0 rows for 1 records"),
    ],
)
def test_a_payoff_that_can_not_be_one_is_refused(rows, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        rollout(MerlinMorgana(), Things(), PLAYERS, reward=rows, questions=1)


def predicted(records):
    """Pays Arthur as well: a rule that pays a judge is taken at its word."""
    return [dict.fromkeys(record.roles, 7.0) for record in records]


@dataclass(frozen=True, kw_only=True)
class Choosing(MerlinMorgana):
    """Merlin chooses his side, or there is no game."""

    rules: ClassVar = {"predicted": predicted}

    def assign(self, question, rng):
        return Assignment()

    def play(self, question, assigned, rng):
        said = yield Say({"merlin_0": (Message("user", "?"),)})
        if not said["merlin_0"].text:
            raise Truncated("merlin_0 said nothing")
        yield from super().play(question, Assignment({"merlin_0": 1, "morgana_0": 0}), rng)
        return Outcome(sides={"merlin_0": 1, "morgana_0": 0})


def test_sides_chosen_in_play_are_paid_like_those_that_were_drawn() -> None:
    for record in rollout(Choosing(), Things(), PLAYERS):
        assert record.assigned.sides == {"merlin_0": 1, "morgana_0": 0}
        assert record.rewards["merlin_0"] == pytest.approx(-0.25)
        assert record.correct == {"merlin_0": record.question.truth == 1, "morgana_0": record.question.truth == 0}
        assert Record.from_json(record.to_json()) == record
        assert record.episode(Choosing()).assigned == record.assigned


def test_a_script_may_end_a_game_early() -> None:
    (record,) = rollout(Choosing(), Things(), PLAYERS | {"merlin_0": ScriptedAgent([""])}, questions=1)
    assert (record.truncated, record.outcome, record.rewards) == ("merlin_0 said nothing", None, {})
    assert record.episode(Choosing()).truncated == record.truncated


def test_a_games_own_rules_have_names_and_may_pay_a_judge() -> None:
    (record,) = rollout(Choosing(), Things(), PLAYERS, questions=1, reward="predicted")
    assert set(record.rewards.values()) == {7.0}
    assert record.rule == f"{__name__}:predicted"
    with pytest.raises(ValueError, match="goodhart, correctness, nobody, predicted"):
        get_rule("predict", Choosing())


@dataclass(frozen=True, kw_only=True)
class Misassigned(MerlinMorgana):
    def assign(self, question, rng):
        return Assignment(sides={"mordred_0": 0})


@dataclass(frozen=True, kw_only=True)
class AskedToSpeak(MerlinMorgana):
    def play(self, question, assigned, rng):
        yield Say({"arthur_0": (Message("user", "?"),)})


@dataclass(frozen=True, kw_only=True)
class Unpaid(Protocol):
    name: ClassVar = "unpaid"
    roles: ClassVar = {"speaker_0": Role("speaker", {"say"})}

    def play(self, question, assigned, rng):
        yield Say({"speaker_0": (Message("user", "?"),)})


@pytest.mark.parametrize(
    ("game", "says"),
    [
        (Misassigned(), "names 'mordred_0'"),
        (AskedToSpeak(), "arthur_0 to say, and this role does decide"),
        (Unpaid(), "no reward rule of its own"),
    ],
)
def test_a_game_that_contradicts_itself_is_refused(game: Protocol, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rollout(game, Things(), {role: ScriptedAgent(["?"]) if "say" in r.does else Arthur()
                                 for role, r in game.roles.items()})  # fmt: skip


def test_a_role_with_an_unknown_duty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does=\['sing'\]"):
        Role("bard", {"sing"})  # type: ignore[arg-type]


def test_a_record_of_an_unfinished_game_has_json_too(records: list[Record]) -> None:
    from oversight_envs.core.record import make_record

    episode = records[0].episode(MerlinMorgana(), upto=2)
    record = make_record(episode, Things())
    back = Record.from_json(record.to_json())
    assert back == record
    assert (back.outcome, back.truncated, len(back.decisions), back.transcript) == (None, None, 1, ())
    assert replace(record, timings={"wall_s": 1.0}) != record
