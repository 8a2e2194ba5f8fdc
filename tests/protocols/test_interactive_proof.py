"""Interactive proofs: who hears whom, what is paid, and what the theory says of honest provers and wary verifiers."""

from __future__ import annotations

from typing import Any

import pytest

from oversight_envs import Question, Record, interactive_proof_v0, render_prompt, rollout
from oversight_envs.agents import ScriptedAgent, SpeakingJudge
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import InteractiveProof
from oversight_envs.protocols.interactive_proof import believed
from oversight_envs.testing import check_protocol

PROTOCOLS = ("solo", "adp", "nip", "mnip", "merlin_arthur")


def say(turn: Any) -> str:
    return f"{turn.role} says {turn.number}."


def played(things: Any, verdict: float, reward: str | None = None, **options: Any) -> list[Record]:
    """Each record with a verifier whose log-odds of the right answer are ``verdict``."""
    right = {question.text: question.options[question.truth] for question in things}
    game = InteractiveProof(**options)
    judge = CallableJudge(log_odds=lambda case: verdict if case.options[0] == right[case.question] else -verdict)
    verifier = SpeakingJudge(ScriptedAgent(say), judge) if game.asks else judge
    players = dict.fromkeys(game.provers, ScriptedAgent(say)) | {"verifier_0": verifier}
    return list(rollout(game, things, players, reward=reward, samples=4))


@pytest.mark.parametrize(
    ("protocol", "order"),
    [
        ("solo", []),
        ("adp", ["prover_0"]),
        ("nip", ["prover_0", "verifier_0", "prover_0"]),
        ("mnip", ["prover_0", "prover_1", "verifier_0", "verifier_0", "prover_0", "prover_1"]),
    ],
)
def test_who_speaks_when(things: Any, protocol: str, order: list[str]) -> None:
    for record in played(things, 1.0, protocol=protocol):
        assert [statement.role for statement in record.transcript] == order
        assert len({*record.assigned.sides.values()}) <= 1


def test_provers_of_mnip_hear_neither_each_other_nor_what_the_other_is_asked(things: Any) -> None:
    for record in played(things, 1.0, protocol="mnip"):
        *_, first, second, last = (render_prompt(entry.prompt) for entry in record.entries)
        assert "> verifier_0 says 0." in first
        assert "verifier_0 says 1" not in first
        assert "prover_1" not in first
        assert "> verifier_0 says 1." in second
        assert "verifier_0 says 0" not in second
        assert "prover_0" not in second
        assert all(f"> prover_{k} says {n}." in last for k in (0, 1) for n in (0, 1))


@pytest.mark.parametrize("protocol", ["adp", "nip", "mnip", "merlin_arthur"])
@pytest.mark.parametrize(("verdict", "earned"), [(3.0, 1.0), (-3.0, -1.0), (0.1, 0.0)])
def test_rewards_of_interactive_proofs(things: Any, protocol: str, verdict: float, earned: float) -> None:
    for record in played(things, verdict, protocol=protocol, certainty=0.8):
        heard = {statement.role for statement in record.transcript} - {"verifier_0"}
        for role, side in record.assigned.sides.items():
            convinced = role in heard and earned == (1.0 if side == record.question.truth else -1.0)
            assert record.rewards[role] == float(convinced)
        assert record.rewards["verifier_0"] == earned
    for record in played(things, verdict, "shared", protocol=protocol, certainty=0.8):
        assert set(record.rewards.values()) == {earned}


def test_merlin_convinces_arthur_and_morgana_never_does(things: Any) -> None:
    """Completeness and soundness of a verifier that can check certificates, as the theory has them: both are 1."""

    def certify(turn: Any) -> str:
        (right,) = (q.options[q.truth] for q in things if q.text == turn.question)
        return f"certificate for {turn.argues_for}" if turn.argues_for == right else "Believe me."

    def arthur(case: Any) -> float:
        proven = [f"> certificate for {option}" in case.prompt[-1].content for option in case.options]
        return 5.0 * (proven[0] - proven[1])

    game = InteractiveProof(protocol="merlin_arthur", certainty=0.9)
    players = dict.fromkeys(game.provers, ScriptedAgent(certify)) | {"verifier_0": CallableJudge(log_odds=arthur)}
    records = rollout(game, things, players, samples=8)
    heard = [(record, record.correct[record.transcript[0].role]) for record in records]
    assert {right for _, right in heard} == {True, False}
    for record, right in heard:
        assert believed(record) == (record.question.truth if right else None)


def test_interactive_proofs_conform_and_refuse_what_they_can_not_be(things: Any) -> None:
    for protocol in PROTOCOLS:
        check_protocol(InteractiveProof(protocol=protocol), things)
    for options, says in (
        ({"protocol": "zk"}, "choose one of 'solo', 'adp'"),
        ({"rounds": 0}, "rounds=0"),
        ({"certainty": 0.4}, "certainty=0.4"),
    ):
        with pytest.raises(ValueError, match=says):
            interactive_proof_v0.env(task=things, **options)
    three = Question("q", "?", ("a", "b", "c"), truth=0)
    with pytest.raises(ValueError, match="has 3 options"):
        InteractiveProof().check_question(three)
    with pytest.raises(TypeError, match=r"needs decide\(\) and speak\(\)"):
        interactive_proof_v0.env(task=things, players={"verifier_0": CallableJudge(log_odds=lambda case: 0.0)})
