"""Several judges or verifiers as one: their mean, each one's own answer kept, and never a mean over some of them."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oversight_envs import Episode, Mark, Record, Task, Verdict, rollout
from oversight_envs.agents import ScriptedAgent, SpeakingJudge
from oversight_envs.judges import CallableJudge, OracleJudge, PanelJudge, ReasoningJudge, SampledJudge, member_verdicts
from oversight_envs.protocols import Consultancy, Debate, Direct, MarketMaking, ProverVerifier
from oversight_envs.tasks import ListTask
from oversight_envs.testing import Puppet, check_judge, check_protocol, example_cases, example_solutions, reachable

SILENT = ScriptedAgent(["It is so."])


def says(p: float) -> CallableJudge:
    """Gives the first label probability ``p``, and solutions its log-odds."""
    log_odds = math.log(p / (1 - p))
    return CallableJudge(log_odds=lambda case: log_odds, scores=lambda solution: log_odds)


def test_the_mean_of_log_odds_and_of_scores(things: Task, sums: Task) -> None:
    panel = PanelJudge([says(0.9), says(0.6), says(0.2)])
    check_judge(panel, example_cases())
    check_judge(panel, example_solutions())
    expected = sum(math.log(p / (1 - p)) for p in (0.9, 0.6, 0.2)) / 3
    players = {"debater_0": SILENT, "debater_1": SILENT, "judge_0": panel}
    for record in rollout(Debate(both_orders=True), things, players):
        assert record.decision is not None
        assert [view.log_odds() for view in record.decision.views] == pytest.approx([expected] * 2)
        shares = [[member["verdict"][0] for member in view.info["members"]] for view in record.decision.views]
        assert shares == [pytest.approx(np.log([0.9, 0.6, 0.2]))] * 2
        assert all(v.log_odds() == pytest.approx(0, abs=1e-9) for v in member_verdicts(record.decision))
        assert Record.from_json(record.to_json()) == record
        assert record.players["judge_0"]["members"][0]["type"] == "function"
    (record, *_) = rollout(ProverVerifier(provers="helpful"), sums, {"helpful_0": SILENT, "verifier_0": panel})
    assert record.scores[0].value == pytest.approx(expected)
    assert record.scores[0].info["members"] == pytest.approx([math.log(p / (1 - p)) for p in (0.9, 0.6, 0.2)])
    again = Record.from_json(record.to_json())
    assert again == record
    assert again.scores[0].info == record.scores[0].info


def test_between_more_options_the_mean_of_log_probabilities() -> None:
    task = ListTask([{"question": "Which?", "options": ["x", "y", "z"], "answer": 0}])
    one, other = [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]
    panel = PanelJudge([lambda case: one, lambda case: other])
    (record,) = rollout(Direct(), task, {"judge_0": panel})
    mean = np.sqrt(np.multiply(one, other))
    assert record.decision is not None
    (view,), (order,) = record.decision.views, record.decision.orders
    assert view.probabilities == pytest.approx(mean / mean.sum())
    assert member_verdicts(record.decision)[0].probabilities[order[0]] == pytest.approx(0.7)
    with pytest.raises(ValueError, match="is no panel"):
        member_verdicts(rollout(Direct(), task, {"judge_0": Puppet()})[0].decisions[0])


def test_a_member_that_fails_fails_the_panel(things: Task) -> None:
    unsure = CallableJudge(lambda case: "perhaps A" if things[0].text in case.prompt[-1].content else "A")
    players = {"debater_0": SILENT, "debater_1": SILENT, "judge_0": PanelJudge([says(0.9), unsure])}
    records = rollout(Debate(), things, players, on_failure="record")
    failed = [record for record in records if record.failed]
    assert [record.question.id for record in failed] == [things[0].id]
    assert "perhaps A" in str(failed[0].failed)
    assert not failed[0].decisions
    assert len(records) == 4


def test_equal_members_draw_on_their_own() -> None:
    def votes(turn: Any) -> str:
        return "AB"[turn.seed % 2]

    sampled = SampledJudge(ScriptedAgent(votes), n=16)
    (record, *_) = rollout("debate", "passages", {**debaters(), "judge_0": PanelJudge([sampled, sampled])}, questions=1)
    one, other = (member["info"]["votes"] for member in record.decisions[0].views[0].info["members"])
    assert sum(one) == sum(other) == 16
    assert one != other


def debaters() -> dict[str, Any]:
    return {"debater_0": SILENT, "debater_1": SILENT}


def test_what_stands_beside_a_verdict_goes_through_players_made_of_players(things: Task) -> None:
    thinking = ReasoningJudge(ScriptedAgent(["I weigh both."]), says(0.8))
    asking = SpeakingJudge(SILENT, PanelJudge([thinking, says(0.4)]))
    game = Consultancy(rounds=2, judge_asks=True)
    check_protocol(game, things, players={"judge_0": asking})
    (record, *_) = rollout(game, things, {"consultant_0": SILENT, "judge_0": asking})
    members = record.decisions[0].views[0].info["members"]
    assert members[0]["info"] == {"thoughts": "I weigh both."}
    assert "info" not in members[1]


def test_debaters_that_look_ahead_don_t_read_the_judge_s_thoughts(things: Task) -> None:
    seen = []

    def speak(turn: Any) -> str:
        seen.extend(found for _, found in reachable(turn) if isinstance(found, str) and "canary" in found)
        return "It is so."

    thinking = ReasoningJudge(ScriptedAgent(["The canary sings."]), says(0.8))
    game = MarketMaking()
    players = {role: thinking if kind.judges else ScriptedAgent(speak) for role, kind in game.roles.items()}
    (record, *_) = rollout(game, things, players)
    assert len(record.decisions) > 1
    assert record.decisions[0].views[0].info["thoughts"] == "The canary sings."
    assert seen == []
    assert Episode(game, record.question, record.seed, record.entries).decisions == record.decisions


def test_scores_with_something_beside_them() -> None:
    mark = Mark(1.5, {"members": [1.0, 2.0]})
    for twin in (copy.deepcopy(mark), pickle.loads(pickle.dumps(mark))):
        assert (twin, twin.info) == (1.5, mark.info)
    solution = example_solutions()[0]
    assert solution.checked(mark).info == mark.info  # type: ignore[union-attr]
    assert solution.from_json(json.loads(json.dumps(solution.to_json(mark)))) == 1.5
    with pytest.raises(ValueError, match=r"Mark\.info of verifier_0 can't be stored"):
        solution.checked(Mark(1.5, {"model": object()}))
    with pytest.raises(ValueError, match=r"Verdict\.info of judge_0 can't be stored"):
        example_cases()[0].checked(Verdict((math.log(0.5),) * 2, info={"model": object()}))
    with pytest.raises(ValueError, match="not finite"):
        solution.checked(Mark(math.nan, {}))


class Scores:
    """A verifier alone."""

    def score(self, solutions: Any) -> list[float]:
        return [0.0] * len(solutions)


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: PanelJudge([]), ValueError, "members has 0: a panel needs two or more"),
    (lambda: PanelJudge([says(0.5)]), ValueError, "members has 1: a panel needs two or more"),
    (lambda: PanelJudge([OracleJudge({}), Scores()]), ValueError, r"members\[0\] does decide, members\[1\] does score"),
    (lambda: PanelJudge([says(0.5), SILENT]), TypeError, r"members\[1\]=.* can neither decide nor score"),
    (lambda: PanelJudge([says(0.5), OracleJudge]), TypeError, r"members\[1\]=.* can neither decide nor score"),
    (lambda: PanelJudge("panel:logit:m+stated:m"), TypeError, "give a list of judges"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_what_is_no_panel(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_panel_of_verifiers_is_no_judge(things: Task) -> None:
    with pytest.raises(TypeError, match=r"this role does \['decide'\].*does \['score'\]"):
        rollout("debate", things, {**debaters(), "judge_0": PanelJudge([Scores(), Scores()])})
    scores = CallableJudge(scores=lambda solution: 1.0)
    with pytest.raises(TypeError, match="no function for cases"):
        rollout("debate", things, {**debaters(), "judge_0": PanelJudge([scores, scores])})
