"""The prover-verifier recipe with the tiny models: it runs, resumes to the same numbers, refuses what is senseless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_prover_verifier import SMALL, small

from oversight_envs.core.rewards import WithCosts, correctness
from oversight_envs.models import load
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.training import CheckpointError, read_metrics
from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig
from oversight_envs.training.recipes.prover_verifier.run import ProverVerifierRun


def test_a_run_measures_the_base_model_and_every_round(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = whole
    assert [row["round"] for row in rows] == [-1, 0, 1]
    assert 0.2 < rows[0]["helpful_accuracy"]["value"] < 0.8
    for number, row in enumerate(rows[1:]):
        # the base model's solutions, those of each earlier round's provers, and the new ones
        for name in ("verifier", "verifier_base", "verifier_fixed")[: 1 if number == 0 else 3]:
            assert [0 <= area["value"] <= 1 for area in row[name]["auc"]] == [True] * (number + 2)
        assert 0 <= row["best_of"]["2"]["value"] <= 1
        assert [look["step"] for look in row["looks"]] == [0, 2, 3]
        assert [0 <= area["value"] <= 1 for area in row["checkers"]] == [True, True]
        assert row["attack"]["budget"] == 3
        assert len(row["attack"]["curve"]) <= 3
        load(str(folder / f"round-{number}" / "provers"))  # a model folder like any other
    steps = [line["step"] for line in read_metrics(folder)]
    assert steps == sorted(set(steps))
    assert steps[-1] == small(folder).config.steps == 20  # an attack that ends early counts in full


@pytest.mark.parametrize("stop_at", [3, 9, 15])  # amid the verifier's steps, the attack, and the second round
def test_a_run_that_was_stopped_ends_with_the_same_numbers(
    stop_at: int, tmp_path: Path, whole: tuple[Path, list[dict[str, Any]]]
) -> None:
    def stop(progress: Any) -> None:
        if progress.step == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(tmp_path).run(stop)
    assert small(tmp_path).run() == whole[1]
    assert list(read_metrics(tmp_path)) == list(read_metrics(whole[0]))
    if stop_at == 3:
        with pytest.raises(CheckpointError, match="reward is 'cgc' in the checkpoint and 'src'"):
            small(tmp_path, reward="src").run()


class Unmarkable(Arithmetic):
    """Sums of which every answer passes, or none."""

    def __init__(self, split: str, verdict: bool) -> None:
        super().__init__(split, style="chain")
        self.verdict = verdict

    def check(self, question: Any, answer: str | None) -> bool:
        return self.verdict


@pytest.mark.parametrize(("verdict", "kind"), [(True, "24 have only right"), (False, "24 only wrong")])
def test_provers_that_are_always_or_never_right_leave_nothing_to_learn(
    verdict: bool, kind: str, tmp_path: Path
) -> None:
    parts = small(tmp_path / "parts")
    run = ProverVerifierRun(
        ProverVerifierConfig(**SMALL),
        game=parts.game,
        train=Unmarkable("train", verdict),
        test=Unmarkable("test", verdict),
        policy=parts.policy,
        verifier=parts.verifier,
        folder=tmp_path / "run",
    )
    with pytest.raises(ValueError, match=f"no problem has both a right and a wrong solution.*{kind}"):
        run.run()
    assert run.checkpoints.steps == []


def test_parts_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    run = small(tmp_path)
    parts: dict[str, Any] = {
        "game": run.game,
        "train": run.solutions.train,
        "test": run.solutions.test,
        "policy": run.policy,
        "verifier": run.verifier,
        "folder": tmp_path,
    }
    for change, message in (
        ({"test": run.solutions.train}, "give different splits"),
        ({"game": ProverVerifier(wording="tiny_prover_verifier", provers="sneaky")}, "needs a game of both provers"),
        ({"game": ProverVerifier(wording="tiny_prover_verifier", verifier=False)}, "and a verifier"),
        ({"train": Arithmetic("train", style="chain", size=30)}, "has 30 different problems"),
    ):
        with pytest.raises(ValueError, match=message):
            ProverVerifierRun(run.config, **parts | change)


def test_costs_change_rewards_by_tokens_and_readable_answers(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    run = small(whole[0])
    records = run.solutions.written("held-out", 0)[:2]
    plain, priced = (rule(records) for rule in (correctness, WithCosts(correctness, per_token=0.5)))
    tokens = len(next(e.reply.token_ids for e in records[0].entries if e.role == "helpful_0"))  # type: ignore[union-attr]
    assert plain[0]["helpful_0"] - priced[0]["helpful_0"] == pytest.approx(0.5 * tokens)
    assert np.isfinite([value for row in priced for value in row.values()]).all()
