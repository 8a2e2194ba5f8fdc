"""Files that runs keep: what is no regular file is refused before anything is read or written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_tasks import Things

from oversight_envs import debate_v0, rollout
from oversight_envs._files import json_rows, write_whole
from oversight_envs.evaluation import Evaluation, evaluate
from oversight_envs.play import read_episodes
from oversight_envs.protocols import Direct
from oversight_envs.report.report import load_runs, write_report
from oversight_envs.tasks import make_task
from oversight_envs.testing import Puppet
from oversight_envs.training import Checkpoints, MetricsLog

USES: dict[str, Callable[[Path], Any]] = {
    "episodes": lambda path: rollout(Direct(), Things(), {"judge_0": Puppet()}, path=path),
    "reading episodes": lambda path: list(read_episodes(path)),
    "rows": lambda path: list(json_rows(path)),
    "jsonl": lambda path: make_task("jsonl", path=path),
    "wording": lambda path: debate_v0.raw_env(task=Things(), wording=str(path)),
    "report": lambda path: write_report([], path),
    "evaluation": Evaluation.load,
    "runs": lambda path: load_runs([path]),
    "writing": lambda path: write_whole(path, "text"),
}


@pytest.mark.parametrize("use", USES)
def test_what_is_no_file_is_refused(use: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (Path("/dev/full"), Path("/dev/zero"), tmp_path / "pipe", tmp_path / "link", tmp_path / "folder"):
        if path.name == "folder" and use in ("evaluation", "runs"):
            continue  # may be one
        with pytest.raises(ValueError, match=f"{path.name} is a (folder|device)"):
            USES[use](path)
    assert not list(tmp_path.glob(".unfinished*"))


FOLDERS: dict[str, Callable[[Path], Any]] = {
    "evaluation": lambda path: evaluate(Direct(), Things(), {"judge_0": Puppet()}, out=path),
    "checkpoints": Checkpoints,
    "metrics": MetricsLog,
    "report": lambda path: write_report([], path / "report.html"),
}


@pytest.mark.parametrize("use", FOLDERS)
def test_a_file_is_no_folder(use: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(ValueError, match="can't be a folder"):
            FOLDERS[use](path)
    assert (tmp_path / "file").read_text() == "kept"


def test_rows_that_are_none_are_named_by_line(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    for bad in ("nothing", "[1]", "[" * 100_000):
        file.write_text(f'{{"step": 1}}\n{bad}\n')
        with pytest.raises(ValueError, match=r"rows\.jsonl, line 2"):
            list(json_rows(file))
