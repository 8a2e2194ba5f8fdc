"""The solutions that a run writes, and whose problems they solve."""

from __future__ import annotations

from pathlib import Path

from small_prover_verifier import small


def test_verifiers_and_provers_learn_from_different_problems(tmp_path: Path) -> None:
    run = small(tmp_path).solutions
    texts = [question.text for question in (*run.verifier_problems, *run.prover_problems)]
    assert len(set(texts)) == len(texts) == 36
    assert not set(texts) & {question.text for question in run.held_out}
