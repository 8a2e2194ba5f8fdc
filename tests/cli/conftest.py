"""A file of one's own questions to play on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import PASSAGE


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "my.jsonl"
    shared = {"options": ["blue", "green"], "passage": PASSAGE}
    rows = [{"id": f"q{i}", "question": f"What colour, {i}?", "answer": i % 2, **shared} for i in range(6)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
