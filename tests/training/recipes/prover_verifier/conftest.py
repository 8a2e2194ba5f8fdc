"""A whole run in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_prover_verifier import small


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, small(folder).run()
