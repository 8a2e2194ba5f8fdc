"""GGUF files as folders that load at once: each is read once, and what was read is kept in the user's cache.

Reading a GGUF file takes transformers half a minute for 135M parameters, and a second for the same weights as
safetensors. The copy lies in ``$XDG_CACHE_HOME/oversight-envs`` (``~/.cache/oversight-envs``), in float32, so that
nothing is rounded. It is written whole or not at all, and may be deleted at any time.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from safetensors import SafetensorError

from oversight_envs._files import cache_folder

log = logging.getLogger(__name__)

LARGEST = 2 * 2**30
"""Bytes of the largest GGUF file that is kept converted: in float32 it becomes up to eight times as large."""


def converted(file: Path, convert: Callable[[Path], None]) -> Path | None:
    """The folder that ``file`` was converted to, made now by ``convert(folder)`` if there is none yet.

    None where the file is too large to keep another copy of, or where the cache can't be written (a warning is logged):
    the file is to be read itself.
    """
    facts = file.stat()
    if facts.st_size > LARGEST:
        return None
    made_from = (str(file.resolve()), facts.st_size, facts.st_mtime_ns, version("transformers"), version("gguf"))
    folder = cache_folder() / f"{file.stem}-{sha256(repr(made_from).encode()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear(folder.parent)
        with TemporaryDirectory(prefix="unfinished-", dir=folder.parent, ignore_cleanup_errors=True) as unfinished:
            log.info("reading %s and keeping it in %s, once: about half a minute", file.name, folder.parent)
            part = Path(unfinished) / folder.name
            part.mkdir()
            convert(part)
            os.replace(part, folder)
    except (OSError, SafetensorError) as error:
        if folder.is_dir():  # another process was quicker
            return folder
        log.warning("%s is read anew each time, for half a minute: it can't be kept converted (%s)", file.name, error)
        return None
    return folder


def _clear(cache: Path) -> None:
    """Removes what conversions left that were killed: nothing that takes a minute is unfinished after a day."""
    for unfinished in cache.glob("unfinished-*"):
        with suppress(OSError):  # another process was quicker
            if time.time() - unfinished.stat().st_mtime > 24 * 3600:
                rmtree(unfinished, ignore_errors=True)
