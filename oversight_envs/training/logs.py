"""The numbers of a run: ``metrics.jsonl``, one line a step, and TensorBoard's files where it is installed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from oversight_envs._files import json_rows, make_folder, regular_file, write_whole
from oversight_envs.core.checks import at_least


class MetricsLog:
    """Appends one line for each step; a kill costs at most the line being written.

    Args:
        folder: where ``metrics.jsonl`` and TensorBoard's files go.
        after: the step that the run goes on from (0: a new run, or one without a checkpoint). Lines of later steps,
            which are about to be computed again, are cut off, so no step stands twice.
        tensorboard: False writes no TensorBoard files. Where the package is missing there are none either.

    Write a step's line before its checkpoint: then every step up to a checkpoint has its line.
    """

    def __init__(self, folder: str | Path, *, after: int = 0, tensorboard: bool = True) -> None:
        at_least("after", after, 0)
        self.path = regular_file(make_folder(folder) / "metrics.jsonl")
        self.last = _cut(self.path, after)
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  closed by close()
        self._board = _summary_writer(self.path.parent, after) if tensorboard else None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """The numbers of one step, by name. What is not finite becomes null: JSON has no NaN.

        Raises ValueError unless ``step`` is above all earlier ones.
        """
        at_least("step", step, 0)
        step = int(step)
        if strange := [name for name, value in values.items() if not hasattr(value, "__float__")]:
            raise TypeError(f"values[{strange[0]!r}]={values[strange[0]]!r:.80}: give a number")
        if step <= self.last:
            raise ValueError(f"step {step}: {self.path} already has step {self.last}; steps must rise")
        finite = {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
        self._file.write(json.dumps({"step": step, **finite}) + "\n")
        self._file.flush()
        self.last = step
        if self._board is not None:
            for name, value in finite.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)
            self._board.flush()

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def read_metrics(folder: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a run's ``metrics.jsonl``; a last line that was cut short by a kill is left out.

    Raises ValueError, with the line number, for a malformed one.
    """
    path = Path(folder) / "metrics.jsonl"
    for number, row in enumerate(json_rows(path), start=1):
        if not isinstance(row.get("step"), int):
            raise ValueError(f"{path}, line {number}: field 'step' must be a whole number, not {row.get('step')!r:.80}")
        yield row


def _cut(path: Path, after: int) -> int:
    """Keeps the lines up to step ``after``; the last step that is left, or 0."""
    if not path.exists():
        return 0
    kept = [line for line in read_metrics(path.parent) if line["step"] <= after]
    write_whole(path, "".join(json.dumps(line) + "\n" for line in kept))
    return max((line["step"] for line in kept), default=0)


def _summary_writer(folder: Path, after: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # also raised by torch if the package is there without what it needs
        return None
    return SummaryWriter(str(folder), purge_step=after + 1)
