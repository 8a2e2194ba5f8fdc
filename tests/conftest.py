"""What several test files use: the small tasks of `small_tasks.py` as fixtures, and a judge that needs no model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_tasks import PASSAGES, WRONG, Sums, Things

from oversight_envs.judges import OracleJudge
from oversight_envs.tasks.nested_sums import NestedSums

__all__ = ["PASSAGES", "WRONG", "Sums", "Things"]  # where tests have found them so far


@pytest.fixture(scope="session")
def things() -> Things:
    return Things()


@pytest.fixture(scope="session")
def sums() -> Sums:
    return Sums()


@pytest.fixture(scope="session")
def nested_sums() -> NestedSums:
    return NestedSums(depth=1)


@pytest.fixture(scope="session")
def oracle(things: Things) -> OracleJudge:
    return OracleJudge({q.id: q.options[int(q.truth or 0)] for q in things}, confidence=0.9)


@pytest.fixture(scope="session")
def data() -> Path:
    """The real data sets, where they lie beside the project; tests that need them skip elsewhere."""
    folder = Path(os.environ.get("OVERSIGHT_ENVS_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets in {folder.name}/: set OVERSIGHT_ENVS_DATA")
    return folder


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The models of the training tests are so small that threads only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
