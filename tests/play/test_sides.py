"""Both assignments of a question: twins that differ in who argues for what, and in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oversight_envs import debate_v0, rollout
from oversight_envs.evaluation import evaluate
from oversight_envs.play import estimate, read_episodes
from oversight_envs.play.store import StoreError
from oversight_envs.protocols import Consultancy, Debate, ProverVerifier

CAST = {"debater_0": "scripted:It is so.", "debater_1": "scripted:It is not.", "judge_0": "oracle"}
CONSULTED = {"consultant_0": "scripted:It is so.", "judge_0": "oracle"}


def always_a(case: Any) -> str:
    return "A"


@pytest.mark.parametrize(("game", "players"), [(Debate(), CAST), (Consultancy(), CONSULTED)])
def test_every_question_is_played_with_both_assignments(game: Any, players: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    both = rollout(game, "passages", players, questions=4, samples=2, sides="both", path=path)
    assert len(both) == 16
    drawn = rollout(game, "passages", players, questions=4, samples=2)
    assert [record.seed for record in both[::2]] == [record.seed for record in drawn]
    for one, twin in zip(both[::2], both[1::2], strict=True):
        assert one.question == twin.question
        assert one.assigned.order == twin.assigned.order
        assert {role: 1 - side for role, side in one.assigned.sides.items()} == twin.assigned.sides
        for role, right in one.correct.items():
            assert twin.correct[role] != right
            assert one.rewards[role] == pytest.approx(-twin.rewards[role])
    again = rollout(game, "passages", players, questions=4, samples=2, sides="both", path=path)
    assert [record.seed for record in again] == [record.seed for record in both]
    assert len(list(read_episodes(path))) == 16


def test_an_environment_plays_the_other_side_of_a_seed() -> None:
    env = debate_v0.raw_env(task="passages", players={"judge_0": always_a})
    for seed in range(4):
        told = []
        for options in (None, {"other_sides": True}):
            env.reset(seed=seed, options=options)
            told.append((env.episode.question, env.episode.assigned))
        (question, one), (same, twin) = told
        assert question == same
        assert {role: 1 - side for role, side in one.sides.items()} == twin.sides
        assert one.order == twin.order


def test_an_evaluation_is_balanced_and_kept_apart_from_one_that_is_not(tmp_path: Path) -> None:
    players: dict[str, Any] = {**CAST, "judge_0": always_a}
    done = evaluate("debate", "passages", players, questions=5, sides="both", out=tmp_path, baselines="blind")
    assert [len(done.conditions[name]) for name in ("debate", "blind")] == [10, 5]
    assert sum(record.correct["debater_0"] for record in done.conditions["debate"]) == 5
    decisions = done.metrics["debate"].decisions
    assert decisions is not None
    assert decisions.honest_wins.value == decisions.accuracy.value
    with pytest.raises(StoreError, match="sides"):
        evaluate("debate", "passages", players, questions=5, out=tmp_path, baselines="blind")
    assert estimate(Debate(), CAST, [], sides="both") == {}


def test_sides_that_cannot_be_exchanged_are_refused_early(tmp_path: Path) -> None:
    for game, players in (
        (Debate(positions="open"), CAST),
        (ProverVerifier(), {"helpful_0": "scripted:1", "sneaky_0": "scripted:2", "verifier_0": "oracle"}),
    ):
        task = "passages" if isinstance(game, Debate) else "arithmetic"
        with pytest.raises(ValueError, match=r"sides='both'.*draws no sides"):
            rollout(game, task, players, questions=1, sides="both")
        with pytest.raises(ValueError, match="sides='both'"):
            evaluate(game, task, players, questions=1, sides="both", out=tmp_path / "run", baselines=())
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="sides='all': choose one of"):
        rollout("debate", "passages", CAST, questions=1, sides="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"positions='both'.*sides='both'"):
        Debate(positions="both")  # type: ignore[arg-type]
