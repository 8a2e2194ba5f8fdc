"""Checkpoints: folders that are whole or not there.

A folder is written under a temporary name, flushed to disk and then renamed, so a ``kill -9`` or a full disk at any
moment leaves the earlier checkpoints as they were and at worst a temporary folder, which the next run removes. A
checkpoint holds tensors (safetensors) and JSON; there is no random state to keep, since every random draw of a run is
derived from its seed and the number of the step.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from oversight_envs._files import UNFINISHED, make_folder, regular_file, remove, write_whole
from oversight_envs.core.checks import at_least
from oversight_envs.core.record_json import as_json

SCHEMA = 1

_FIELDS = {"schema": int, "step": int, "identity": dict, "extra": dict}
_NAME = re.compile(r"step-(\d{9})")


class CheckpointError(RuntimeError):
    """A checkpoint can't be used or written: another configuration's, damaged, or the disk is full."""


class Part(Protocol):
    """Something with state: ``PPO``, ``JudgeTrainer``, ``VerifierTrainer``."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What it was built from, as JSON values: a checkpoint is loaded only into a part with the same."""

    def tensors(self) -> Mapping[str, Tensor]:
        """All that training has changed."""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what ``tensors`` gave."""


class Checkpoints:
    """The checkpoints of one run, in one folder, which one process at a time may write.

    To resume to the same numbers bit for bit on a CPU, each step of a run must depend on nothing but what is loaded
    and the number of the step: derive its seeds from that number, and call ``forget()`` on every language model that
    the run uses, frozen ones too, as each step begins (what an engine has kept changes the rounding).

    Args:
        folder: where they are kept.
        config: what else the run is made of, as JSON values: the command's own options.
        keep: how many of the latest are kept.
    """

    def __init__(self, folder: str | Path, config: Mapping[str, Any] | None = None, *, keep: int = 2) -> None:
        at_least("keep", keep, 1)
        _as_json("config", dict(config or {}))
        self.folder, self.config, self.keep = make_folder(folder), dict(config or {}), keep
        for leftover in self.folder.glob(f"{UNFINISHED}*"):
            remove(leftover)

    @property
    def steps(self) -> list[int]:
        """The steps at which there is a checkpoint, ascending."""
        names = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def save(self, step: int, parts: Mapping[str, Part], extra: Mapping[str, Any] | None = None) -> Path:
        """Writes the checkpoint after step ``step``, and then removes those that are no longer kept; its folder.

        ``extra`` is whatever else the run must remember, as JSON values. A step that is there already is not written
        again. Call it between training steps (a step that failed has changed nothing, so also after one).
        Raises CheckpointError, earlier checkpoints untouched, where it can't be written.
        """
        at_least("step", step, 0)
        step = int(step)
        if step >= 10**9:
            raise ValueError(f"step={step}: a checkpoint's name has nine digits, give a smaller one")
        for name in parts:
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"parts has {name!r:.80}: name them by plain words, which are names of files")
        place = self.folder / f"step-{step:09d}"
        if place.exists():
            return place
        state = {"schema": SCHEMA, "step": step, "identity": self._identity(parts), "extra": dict(extra or {})}
        text = _as_json("extra", state)
        try:
            with whole_folder(place) as unfinished:
                for name, part in parts.items():
                    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in part.tensors().items()}
                    save_file(tensors, unfinished / f"{name}.safetensors")
                (unfinished / "state.json").write_text(text, encoding="utf-8")
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{place} could not be written ({error}); earlier checkpoints are as they were"
            ) from error
        for old in self.steps[: -self.keep]:
            # First out of sight in one go: a kill amid the removal must not leave a checkpoint with holes.
            gone = self.folder / f"{UNFINISHED}old-{old}"
            os.rename(self.folder / f"step-{old:09d}", gone)
            remove(gone)
        return place

    def latest(self) -> tuple[int, dict[str, Any]] | None:
        """The step and ``extra`` of the latest checkpoint, or None if there is none; loads nothing.

        For a run whose parts depend on how far it is: build what ``extra`` says, then ``load``.
        Raises CheckpointError if it is of another ``config``, or can't be read.
        """
        if not self.steps:
            return None
        place = self.folder / f"step-{self.steps[-1]:09d}"
        state = self._state(place)
        _refuse(place, _difference(state["identity"].get("config"), as_json(self.config)))
        return state["step"], state["extra"]

    def load(self, parts: Mapping[str, Part]) -> tuple[int, dict[str, Any]] | None:
        """Loads the latest checkpoint into ``parts``; its step and ``extra``, or None if there is none.

        Raises CheckpointError for a checkpoint of another configuration (naming what differs) and for one that can't be
        read: nothing is loaded then, unless a part finds out from its own tensors that they are not all there.
        """
        if not self.steps:
            return None
        place = self.folder / f"step-{self.steps[-1]:09d}"
        state = self._state(place)
        _refuse(place, _difference(state["identity"], as_json(self._identity(parts))))
        files = {name: place / f"{name}.safetensors" for name in parts}
        tensors = {name: _read_tensors(file) for name, file in files.items()}
        for name, part in parts.items():
            try:
                part.load(tensors[name])
            except (KeyError, ValueError, RuntimeError) as error:
                what = f"tensor {error} is missing" if isinstance(error, KeyError) else error
                raise _unreadable(files[name], what) from error
        return state["step"], state["extra"]

    def _state(self, place: Path) -> dict[str, Any]:
        path = place / "state.json"
        try:
            state = json.loads(regular_file(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise _unreadable(path, error) from error
        if not isinstance(state, dict):
            raise _unreadable(path, f"it is no JSON object but {state!r:.80}")
        if "schema" in state and state["schema"] != SCHEMA:
            raise CheckpointError(f"{path} has schema {state['schema']!r:.80}; this version reads schema {SCHEMA}")
        for field, kind in _FIELDS.items():
            if not isinstance(state.get(field), kind):
                what = f"is {state[field]!r:.80}" if field in state else "is missing"
                raise _unreadable(path, f"field {field!r} {what}")
        return state

    def _identity(self, parts: Mapping[str, Part]) -> dict[str, Any]:
        return {"config": self.config, **{name: dict(part.identity) for name, part in parts.items()}}


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """A temporary folder beside ``place`` that becomes ``place`` at the end, all of it or nothing; an earlier one goes.

    Every file is flushed to disk before the renaming, and the renaming after it.
    """
    if place.exists() and not place.is_dir():
        raise ValueError(f"{place} is there and is no folder: give another path")
    unfinished = make_folder(place.parent) / f"{UNFINISHED}{place.name}"
    remove(unfinished)
    unfinished.mkdir()
    try:
        yield unfinished
        for path in (*unfinished.rglob("*"), unfinished):
            _flush(path)
        if place.exists():
            replaced = place.parent / f"{UNFINISHED}replaced-{place.name}"
            remove(replaced)
            os.rename(place, replaced)
            os.rename(unfinished, place)
            remove(replaced)
        else:
            os.rename(unfinished, place)
        _flush(place.parent)
    finally:
        with suppress(OSError):  # whatever went wrong before is what should be told
            remove(unfinished)


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A JSON Lines file, written whole: a kill leaves the old one or the new one."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))


def fingerprint(model: nn.Module) -> str:
    """Names a model's weights: a digest of every tensor's name, shape and first 1,024 numbers.

    Cheap for a large model, and enough to tell apart models that were ever trained apart.
    """
    digest = blake2b(digest_size=8)
    for name, tensor in model.state_dict().items():
        numbers = tensor.detach().flatten()[:1024].float().cpu().numpy()
        digest.update(f"{name}{tuple(tensor.shape)}".encode() + numbers.tobytes())
    return digest.hexdigest()


def _refuse(place: Path, difference: str | None) -> None:
    if difference is not None:
        raise CheckpointError(
            f"{place} is of another configuration: {difference}; give another folder, or the options of the earlier run"
        )


def _as_json(argument: str, value: Any) -> str:
    try:
        return json.dumps(value, indent=1, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{argument} must be JSON values (text, finite numbers, lists, dicts): {error}") from None


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(regular_file(file))
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, why: object) -> CheckpointError:
    return CheckpointError(f"{file} can't be read ({why}); remove {file.parent.name} to go on from an earlier one")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _difference(saved: Any, ours: Any, where: str = "") -> str | None:
    """The first field in which two JSON values differ, with both values; None if they are equal."""
    if isinstance(saved, dict) and isinstance(ours, dict):
        for key in sorted({*saved, *ours}):
            path = f"{where}.{key}" if where else key
            if key not in saved or key not in ours:
                return f"{path} is only in {'the checkpoint' if key in saved else 'this run'}"
            if found := _difference(saved[key], ours[key], path):
                return found
        return None
    return None if saved == ours else f"{where} is {saved!r} in the checkpoint and {ours!r} in this run"
