"""Progress of long runs, where there is no terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from oversight_envs.cli import progress as module
from oversight_envs.cli.progress import EVERY, progress


def test_a_log_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    log, now = StringIO(), 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with progress(Console(file=log, markup=False, emoji=False)) as tell:
        for done in range(1, 7):
            tell("debate", done, 6, "[b]:a:")
            now += EVERY / 2
    assert log.getvalue().splitlines() == [f"debate: {done}/6, {at}, [b]:a:" for done, at in
                                           ((1, "0:00"), (3, "0:30"), (5, "1:00"), (6, "1:15"))]  # fmt: skip
