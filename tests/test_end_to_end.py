"""The whole thing with a real language model in every role: SmolLM2-135M-Instruct, from its package, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from oversight_envs import Record, Speech, debate_v0
from oversight_envs.play import read_episodes, rollout
from oversight_envs.protocols import Debate, Direct, ProverVerifier
from oversight_envs.tasks import make_task
from oversight_envs.testing import TOLERANCE, check_agent, check_judge

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def players() -> dict[str, Any]:
    from oversight_envs.agents import LanguageModelAgent
    from oversight_envs.judges import LogitJudge, LogitVerifier

    agent = LanguageModelAgent("smollm2-135m", max_new_tokens=16)
    judge, verifier = LogitJudge("smollm2-135m"), LogitVerifier("smollm2-135m")
    speakers = dict.fromkeys(("debater_0", "debater_1", "helpful_0", "sneaky_0"), agent)
    return speakers | {"judge_0": judge, "verifier_0": verifier}


def cast(players: dict[str, Any], protocol: Any) -> dict[str, Any]:
    return {role: players[role] for role in protocol.roles}


def words(records: Sequence[Record]) -> list[list[str]]:
    return [[e.reply.text for e in record.entries if isinstance(e.reply, Speech)] for record in records]


def numbers(records: Sequence[Record]) -> list[float]:
    return [value for record in records for value in record.rewards.values()]


def test_games_with_a_real_model_do_not_depend_on_the_batch(players: dict[str, Any], tmp_path: Path) -> None:
    for protocol, task in (
        (Debate(rounds=2, max_words=12, both_orders=True), make_task("passages")),
        (Direct(expert=True), make_task("passages")),
        (ProverVerifier(), make_task("arithmetic")),
    ):
        path = tmp_path / f"{protocol.name}.jsonl"
        together = rollout(protocol, task, cast(players, protocol), questions=3, seed=2, path=path)
        alone = rollout(protocol, task, cast(players, protocol), questions=3, seed=2, concurrency=1)
        assert words(together) == words(alone)
        assert numbers(together) == pytest.approx(numbers(alone), abs=10 * TOLERANCE)
        assert sorted(r.seed for r in read_episodes(path)) == sorted(r.seed for r in together)
        for record in together:
            assert record.players[next(iter(protocol.roles))]
            assert record.episode(protocol).outcome == record.outcome  # replays without a model
            for entry in record.entries:
                if isinstance(entry.reply, Speech):
                    assert 0 < len(entry.reply.token_ids) == len(entry.reply.log_probs) <= 16


def test_a_real_judge_pays_two_debaters_in_an_env_step_loop(players: dict[str, Any]) -> None:
    env = debate_v0.env(task="passages", players={"judge_0": players["judge_0"]})
    env.reset(seed=3)
    total: dict[str, float] = {}
    for agent in env.agent_iter():
        observation, reward, over, _, _ = env.last()
        total[agent] = reward
        env.step(None if over else f"It is so. {observation[-20:]}")
    assert total["debater_0"] == pytest.approx(-total["debater_1"])
    assert total["debater_0"] != 0


def test_real_players_keep_their_contracts(players: dict[str, Any]) -> None:
    check_agent(players["debater_0"])
    check_judge(players["judge_0"])
    check_judge(players["verifier_0"])
