"""Tables and figures of the prover-verifier reproduction, from runs that are far too short to show anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_prover_verifier import small

EXAMPLES = Path(__file__).parents[2] / "examples"
RUNS = {("src", 1): {}, ("src", 2): {}, ("base only", 1): {"mixture": "base", "compare": ()}}


@pytest.fixture
def reproduction(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "reproduction"]:
        del sys.modules[name]


@pytest.mark.usefixtures("reproduction", "one_thread")
def test_the_table_has_no_undefined_number_where_runs_never_take_off(tmp_path: Path) -> None:
    from reproduction.prover_figures import draw
    from reproduction.prover_results import Results
    from reproduction.prover_table import table

    folders: dict[tuple[str, int], Path] = {}
    for (condition, seed), settings in RUNS.items():
        changes: dict[str, Any] = {"reward": "src", "seed": seed, **settings}
        folders[condition, seed] = tmp_path / f"{condition}_{seed}"
        small(folders[condition, seed], **changes).run()
    results = Results.read(folders, [])
    text = table(results, draw(results, tmp_path, "figure"))
    assert "nan" not in text.lower().split("![")[0]
    assert "None" not in text
    assert ">3, 0 of" in text or ", 1 of 2" in text or ", 2 of 2" in text  # attacks, censored or not
    longer = results.how_often_longer("src", "base only", "succeeds")
    assert longer.n == 1
    assert longer.value in (0, 0.5, 1)
    assert all("NaN" not in json.dumps(row) for row in results.rows)
    assert len(list(tmp_path.glob("figure_*.png"))) == 7
