"""Data sets that are fetched."""

from __future__ import annotations

import io
import json
import sys
import types
from pathlib import Path
from urllib.error import URLError

import pytest
from task_files import quality_line, quality_question

from oversight_envs.tasks import hub
from oversight_envs.tasks.gsm8k import GSM8K
from oversight_envs.tasks.quality import Quality


def test_data_sets_are_fetched_once_or_say_how_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    line = json.dumps(quality_line("A", quality_question("x"))).encode()
    fetched: list[str] = []

    def fake(url: str, timeout: float) -> io.BytesIO:
        if len(fetched) == 2:
            raise URLError("offline")
        fetched.append(url)
        return io.BytesIO(line)

    monkeypatch.setattr(hub, "urlopen", fake)
    assert len(Quality()) == len(Quality()) == 1
    assert [url.rsplit(".", 1)[-1] for url in fetched] == ["train", "dev"]
    with pytest.raises(ConnectionError, match="path="):
        hub.official_file("https://example.org/other")
    assert len(list((tmp_path / "oversight-envs").iterdir())) == 2

    library = types.ModuleType("datasets")
    library.load_dataset = lambda name, config, split: [{"question": name, "answer": "#### 4"}]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", library)
    assert GSM8K(split="test")[0].text == "openai/gsm8k"
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"oversight-envs\[hub\]"):
        GSM8K()
