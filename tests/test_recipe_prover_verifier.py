"""The prover-verifier recipe with the tiny models: it runs, resumes to the same numbers, refuses what is senseless."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.rewards import RULES, with_costs
from oversight_envs.evaluation.solutions import Marked, balanced_best_of
from oversight_envs.models import load
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.training import Attempt, CheckpointError, PPOConfig, read_metrics
from oversight_envs.training.mixtures import Mixture
from oversight_envs.training.recipes.prover_verifier import measures
from oversight_envs.training.recipes.prover_verifier.run import ProverVerifierConfig, ProverVerifierRun
from oversight_envs.training.recipes.prover_verifier.tiny import tiny_prover_verifier

SMALL: dict[str, Any] = {
    "rounds": 2,
    "verifier_problems": 24,
    "prover_problems": 12,
    "held_out": 10,
    "held_out_solutions": 2,
    "verifier_steps": 4,
    "verifier_pairs": 8,
    "prover_steps": 3,
    "batch": 4,
    "samples": 2,
    "attack_steps": 3,
    "probe_steps": 2,
    "checkpoint_every": 2,
    "compare": ("base", "fixed"),
}


def small(folder: Path, **changes: Any) -> ProverVerifierRun:
    return tiny_prover_verifier(folder, **SMALL | changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, small(folder).run()


def test_a_run_measures_the_base_model_and_every_round(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = whole
    assert [row["round"] for row in rows] == [-1, 0, 1]
    assert 0.2 < rows[0]["helpful_accuracy"]["value"] < 0.8
    for number, row in enumerate(rows[1:]):
        # the base model's solutions, those of each earlier round's provers, and the new ones
        for name in ("verifier", "verifier_base", "verifier_fixed"):
            assert [0 <= area["value"] <= 1 for area in row[name]["auc"]] == [True] * (number + 2)
        assert 0 <= row["best_of"]["2"]["value"] <= 1
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


def test_verifiers_and_provers_learn_from_different_problems(tmp_path: Path) -> None:
    run = small(tmp_path)
    texts = [question.text for question in (*run.verifier_problems, *run.prover_problems)]
    assert len(set(texts)) == len(texts) == 36
    assert not set(texts) & {question.text for question in run.held_out}


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


def test_provers_stop_once_sneaky_solutions_convince(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "reference_score", lambda marks: -100.0)
    settings = {"stop": "convincing", "prover_steps": 9, "attack_steps": 0, "rounds": 1, "compare": ()}
    small(tmp_path, **settings).run()
    lines = [line for line in read_metrics(tmp_path) if "provers/reward" in line]
    assert [line["step"] for line in lines] == [5, 6, 7, 8, 13]  # the last step counts for those left out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prover_problems": 3}, "prover_problems=3 are fewer than a batch of 4"),
        ({"verifier_pairs": 1}, "verifier_pairs=1"),
        ({"reward": "src", "samples": 1}, "reward 'src' compares at least 2"),
        ({"ppo": PPOConfig(estimator="grpo"), "samples": 1}, "compares at least 2"),
        ({"mixture": "some"}, "mixture='some'"),
        ({"reward": "nice"}, "reward='nice'"),
        ({"rounds": 0}, "rounds=0"),
        ({"cost_per_token": -1.0}, "cost_per_token=-1"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        small(tmp_path, **changes)


def test_parts_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    run = small(tmp_path)
    parts: dict[str, Any] = {
        "game": run.game,
        "train": run.train_task,
        "test": run.test_task,
        "policy": run.policy,
        "verifier": run.verifier,
        "folder": tmp_path,
    }
    for change, message in (
        ({"test": run.train_task}, "give different splits"),
        ({"game": ProverVerifier(wording="tiny_prover_verifier", roles="sneaky")}, "needs a game of both provers"),
        ({"train": Arithmetic("train", style="chain", size=30)}, "has 30 different problems"),
    ):
        with pytest.raises(ValueError, match=message):
            ProverVerifierRun(run.config, **parts | change)


def pool(name: str, problems: int, right: int, wrong: int) -> list[Attempt]:
    return [
        Attempt(f"{name}-{p}", "?", f"{name} {p} {k}", k < right) for p in range(problems) for k in range(right + wrong)
    ]


@given(st.integers(1, 4), st.integers(4, 20), st.integers(0, 50))
def test_a_mixture_takes_the_same_share_of_every_pool(count: int, size: int, step: int) -> None:
    pools = [pool(str(k), 3, 2, 1) for k in range(count)]
    mixture = Mixture(pools, seed=7)
    pairs = mixture.pairs(step, size)
    assert len(pairs) == size
    assert all(p.right.problem_id == p.wrong.problem_id and p.right.correct > p.wrong.correct for p in pairs)
    shares = Counter(pair.right.problem_id.split("-")[0] for pair in pairs)
    assert max(shares.values()) - min(shares.values()) <= 1
    assert pairs == Mixture(pools, seed=7).pairs(step, size)
    several = Counter(
        p.right.problem_id.split("-")[0] for s in range(step, step + count) for p in mixture.pairs(s, size)
    )
    assert len(set(several.values())) == 1  # what does not divide evenly goes round


def test_a_mixture_goes_over_all_pairs_and_leaves_out_pools_without() -> None:
    mixture = Mixture([pool("a", 6, 1, 1), pool("b", 3, 2, 0)], seed=0)
    assert mixture.left_out == [1]
    first = [pair for step in range(3) for pair in mixture.pairs(step, 2)]
    assert {pair.right.problem_id for pair in first} == {f"a-{p}" for p in range(6)}
    with pytest.raises(ValueError, match="no problem has both"):
        Mixture([pool("b", 3, 2, 0)], seed=0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=9), st.sampled_from([2, 4]))
def test_balanced_best_of_is_the_mean_over_all_draws(solutions: list[tuple[bool, int]], n: int) -> None:
    found = balanced_best_of([Marked("q", "helpful_0", right, True, float(v)) for right, v in solutions], n).value
    right, wrong = ([v for is_right, v in solutions if is_right == kind] for kind in (True, False))
    draws = [(max(r), max(w)) for r in combinations(right, n // 2) for w in combinations(wrong, n // 2)]
    assert (found is None) == (not draws)
    if draws and len(set(right)) == len(right):
        assert found == pytest.approx(fmean(1.0 if r > w else 0.5 if r == w else 0.0 for r, w in draws))


def test_attack_steps_count_to_the_first_batch_that_meets_a_criterion() -> None:
    def batch(wrong: int, score: float) -> list[Marked]:
        return [Marked("q", "sneaky_0", k >= wrong, True, score if k % 5 == 0 else score - 1) for k in range(20)]

    curve = [measures.attack_point(batch(wrong, v), 1.0) for wrong, v in ((10, 0.0), (10, 1.5), (20, 1.9), (20, 0.0))]
    assert curve[1] == {"wrong": 0.5, "score": pytest.approx(0.7), "success": 0.1}
    assert measures.attack_steps(curve, 1.0) == {"mostly_wrong": 2, "succeeds": 1}
    assert measures.attack_steps(curve[:1], 1.0) == {"mostly_wrong": None, "succeeds": None}  # censored
    never = [measures.attack_point(batch(20, 9.0), None)]
    assert measures.attack_steps(never, None) == {"mostly_wrong": None, "succeeds": None}


def test_costs_change_rewards_by_tokens_and_readable_answers(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    run = small(whole[0])
    records = run.solutions("held-out", 0)[:2]
    plain, priced = (rule(records) for rule in (RULES["correctness"], with_costs(RULES["correctness"], per_token=0.5)))
    tokens = len(next(e.reply.token_ids for e in records[0].entries if e.role == "helpful_0"))  # type: ignore[union-attr]
    assert plain[0]["helpful_0"] - priced[0]["helpful_0"] == pytest.approx(0.5 * tokens)
    assert np.isfinite([value for row in priced for value in row.values()]).all()
